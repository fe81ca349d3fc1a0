/* A stand-in for libcuda.so.1: version, errors' names, and the checkpoint calls as NVIDIA's manual describes
   their states. The file that CUDA_STUB names says how it answers, read anew at each call:

       version NUMBER              of cuDriverGetVersion; 12080 where it says nothing
       error CALL CODE             CALL answers CODE: Init, Lock, Checkpoint, Restore, Unlock, GetState
       state NUMBER                what GetState says of every process

   Each checkpoint call is a line of the file named by CUDA_STUB_LOG: its name, the process, the timeout. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 1, NOT_INITIALISED = 3, ILLEGAL_STATE = 401, NOT_READY = 600 };
enum { RUNNING, LOCKED, CHECKPOINTED, PIDS = 1 << 22 };

typedef struct { unsigned timeout, reserved0; unsigned long long reserved[7]; } arguments_t;

static char states[PIDS + 1];
static int initialised;

static int value(const char *format, int otherwise) {
    char line[256];
    int found = otherwise, number;
    const char *name = getenv("CUDA_STUB");
    FILE *in = name ? fopen(name, "r") : NULL;
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, format, &number) == 1) found = number;
    if (in) fclose(in);
    return found;
}

static int failing(const char *call) {
    char format[64];
    snprintf(format, sizeof format, "error %s %%d", call);
    return value(format, SUCCESS);
}

int cuInit(unsigned flags) {
    (void)flags;
    initialised = !failing("Init");
    return failing("Init");
}

int cuDriverGetVersion(int *version) {
    *version = value("version %d", 12080);
    return SUCCESS;
}

int cuGetErrorName(int error, const char **name) {
    *name = error == ILLEGAL_STATE ? "CUDA_ERROR_ILLEGAL_STATE"
          : error == NOT_READY     ? "CUDA_ERROR_NOT_READY"
          : error == 2             ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == 100           ? "CUDA_ERROR_NO_DEVICE"
                                   : NULL;
    return *name ? SUCCESS : INVALID;
}

#ifndef OLD
static int step(const char *call, int pid, arguments_t *arguments, int from, int to) {
    const char *name = getenv("CUDA_STUB_LOG");
    FILE *out = name ? fopen(name, "a") : NULL;
    int error = failing(call);
    if (out) {
        fprintf(out, "%s %d %u\n", call, pid, arguments ? arguments->timeout : 0);
        fclose(out);
    }
    if (!initialised) return NOT_INITIALISED;
    if (error) return error;
    if (states[pid] != from) return ILLEGAL_STATE;
    states[pid] = (char)to;
    return SUCCESS;
}

int cuCheckpointProcessGetState(int pid, int *state) {
    *state = value("state %d", states[pid]);
    return initialised ? failing("GetState") : NOT_INITIALISED;
}

int cuCheckpointProcessLock(int pid, arguments_t *arguments) {
    return step("Lock", pid, arguments, RUNNING, LOCKED);
}

int cuCheckpointProcessCheckpoint(int pid, arguments_t *arguments) {
    return step("Checkpoint", pid, arguments, LOCKED, CHECKPOINTED);
}

int cuCheckpointProcessRestore(int pid, arguments_t *arguments) {
    return step("Restore", pid, arguments, CHECKPOINTED, LOCKED);
}

int cuCheckpointProcessUnlock(int pid, arguments_t *arguments) {
    return step("Unlock", pid, arguments, LOCKED, RUNNING);
}
#endif
