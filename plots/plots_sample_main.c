/* SPDX-License-Identifier: Apache-2.0
 *
 * plots_sample PATH [hostile]: writes a result file for the tests of the programs.
 */
#include <stdio.h>
#include <string.h>

#include "plots/plots_sample.h"

int main(int argc, char **argv) {
    bool hostile = argc == 3 && strcmp(argv[2], "hostile") == 0;
    if (argc != 2 && !hostile) {
        fprintf(stderr, "usage: plots_sample PATH [hostile]\n");
        return 2;
    }
    return tram__sample_write(argv[1], hostile) ? 2 : 0;
}
