#!/bin/sh
# Runs a test program on the first CUDA device; exits 77, with the reason, where there is none.
command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || {
    echo "skipped: nvidia-smi finds no GPU"
    exit 77
}
TRAM_TEST_DEVICE=cuda exec "$@"
