/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract on the first CUDA device. This process itself never uses CUDA, which does not survive a fork.
 */
#include "base/error.h"
#include "device/device.h"
#include "device/device_contract.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    pid_t child = fork();
    int how = 0;
    if (child == 0) {
        struct tram__device *d;
        if (tram__device_open("cuda", &d) != TRAM_OK) {
            printf("skipped: %s\n", tram_last_error()->text);
            fflush(stdout);
            _exit(77);
        }
        tram__device_close(d);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &how, 0) != child || !WIFEXITED(how))
        return 1;
    if (WEXITSTATUS(how))
        return WEXITSTATUS(how);
    return tram__device_contract("cuda", TRAM__TEST_PROCESSES);
}
