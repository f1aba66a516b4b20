/* SPDX-License-Identifier: Apache-2.0
 *
 * A profiler for tests: NVTX loads it where NVTX_INJECTION64_PATH says, and it appends what it is told to the file that
 * TRAM_TEST_NVTX names, of all processes of a run. A line each, beginning with the process and the thread:
 *
 *   domain NAME | thread TID NAME | category NUMBER NAME | string NAME
 *   push CATEGORY PAYLOAD NAME | pop | start NAME | end
 *
 * What is of another domain than `tramline`, or of no registered string, is told as `stray`.
 */
#include <fcntl.h>
#include <nvtx3/nvToolsExt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char our_domain; /* its address is the handle */
static int file = -1;

static __attribute__((format(printf, 1, 2))) void tell(const char *format, ...) {
    char line[400];
    int size = snprintf(line, sizeof line, "%d %d ", (int)getpid(), (int)syscall(SYS_gettid));
    va_list args;
    va_start(args, format);
    size += vsnprintf(line + size, sizeof line - (size_t)size - 1, format, args);
    va_end(args);
    line[size++] = '\n';
    if (write(file, line, (size_t)size) != size) /* appended whole */
        abort();
}

static bool ours(nvtxDomainHandle_t d) {
    if ((void *)d == &our_domain)
        return true;
    tell("stray domain");
    return false;
}

static const char *name_of(const nvtxEventAttributes_t *a) {
    if (a->version == NVTX_VERSION && a->messageType == NVTX_MESSAGE_TYPE_REGISTERED && a->message.registered)
        return (const char *)a->message.registered;
    tell("stray message");
    return "?";
}

static nvtxDomainHandle_t NVTX_API domain_create(const char *name) {
    tell("domain %s", name);
    return (nvtxDomainHandle_t)(void *)&our_domain;
}

static nvtxStringHandle_t NVTX_API register_string(nvtxDomainHandle_t d, const char *text) {
    if (ours(d))
        tell("string %s", text);
    return (nvtxStringHandle_t)(void *)strdup(text); /* for as long as the process lives */
}

static void NVTX_API name_category(nvtxDomainHandle_t d, uint32_t number, const char *name) {
    if (ours(d))
        tell("category %u %s", number, name);
}

static void NVTX_API name_thread(uint32_t tid, const char *name) {
    tell("thread %u %s", tid, name);
}

static int NVTX_API push(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) {
    if (ours(d) && a->payloadType == NVTX_PAYLOAD_TYPE_UNSIGNED_INT64)
        tell("push %u %llu %s", a->category, (unsigned long long)a->payload.ullValue, name_of(a));
    else
        tell("stray push");
    return 0;
}

static int NVTX_API pop(nvtxDomainHandle_t d) {
    if (ours(d))
        tell("pop");
    return 0;
}

static nvtxRangeId_t NVTX_API start(nvtxDomainHandle_t d, const nvtxEventAttributes_t *a) {
    if (ours(d))
        tell("start %s", name_of(a));
    return 42;
}

static void NVTX_API end(nvtxDomainHandle_t d, nvtxRangeId_t id) {
    if (ours(d) && id == 42)
        tell("end");
    else
        tell("stray end");
}

static int fill(NvtxFunctionTable table, unsigned size, unsigned slot, NvtxFunctionPointer f) {
    if (slot >= size || !table[slot])
        return 0;
    *table[slot] = f;
    return 1;
}

__attribute__((visibility("default"))) int NVTX_API
InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table);

int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
    const NvtxExportTableCallbacks *callbacks = get_table(NVTX_ETID_CALLBACKS);
    const char *path = getenv("TRAM_TEST_NVTX");
    NvtxFunctionTable core, domains;
    unsigned core_size, size;
    if (!path || !callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &core, &core_size) ||
        !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &domains, &size))
        return 0;
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return file >= 0 &&
           fill(core, core_size, NVTX_CBID_CORE_NameOsThreadA, (NvtxFunctionPointer)name_thread) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainCreateA, (NvtxFunctionPointer)domain_create) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainRegisterStringA, (NvtxFunctionPointer)register_string) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainNameCategoryA, (NvtxFunctionPointer)name_category) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainRangePushEx, (NvtxFunctionPointer)push) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainRangePop, (NvtxFunctionPointer)pop) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainRangeStartEx, (NvtxFunctionPointer)start) &&
           fill(domains, size, NVTX_CBID_CORE2_DomainRangeEnd, (NvtxFunctionPointer)end);
}
