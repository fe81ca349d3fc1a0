/* A stand-in for libnvidia-ml.so.1: the calls that pynvml makes for us, answered out of a text file.

   The file is named by NVML_STUB and read anew at each call. Its lines:

       gpu UUID TOTAL FREE MAJOR MINOR NAME      one GPU, in order; bytes
       compute INDEX PID BYTES                   a process that computes; BYTES -1 is "not available"
       graphics INDEX PID BYTES                  a process that draws
       error CALL CODE                           CALL answers CODE: init, count, handle, memory, compute, graphics

   Layouts and error codes as in NVIDIA's nvml.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 2, NOT_FOUND = 6, TOO_SMALL = 7, NO_LIBRARY = 12, GPUS = 8 };

typedef struct { char uuid[96], name[96]; unsigned long long total, free; int major, minor; } gpu_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned pid; unsigned long long used; unsigned instance, compute; } process_t;
typedef gpu_t *device_t;

static gpu_t gpus[GPUS];

static FILE *file(void) {
    const char *name = getenv("NVML_STUB");
    return name ? fopen(name, "r") : NULL;
}

static int failing(const char *call) {
    char line[512], name[64];
    int code, found = SUCCESS;
    FILE *in = file();
    if (!in) return NO_LIBRARY;
    while (fgets(line, sizeof line, in))
        if (sscanf(line, "error %63s %d", name, &code) == 2 && !strcmp(name, call)) found = code;
    fclose(in);
    return found;
}

static int count(void) {
    char line[512];
    int number = 0;
    FILE *in = file();
    if (!in) return 0;
    while (number < GPUS && fgets(line, sizeof line, in)) {
        gpu_t *gpu = &gpus[number];
        if (sscanf(line, "gpu %95s %llu %llu %d %d %95[^\n]", gpu->uuid, &gpu->total, &gpu->free, &gpu->major,
                   &gpu->minor, gpu->name) == 6)
            number++;
    }
    fclose(in);
    return number;
}

static int list(device_t device, const char *kind, unsigned *length, process_t *into) {
    char line[512], format[64];
    unsigned index, pid, number = 0;
    long long bytes;
    int error = failing(kind);
    FILE *in = file();
    if (error || !in) return error ? error : NO_LIBRARY;
    snprintf(format, sizeof format, "%s %%u %%u %%lld", kind);
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, format, &index, &pid, &bytes) != 3 || device != &gpus[index]) continue;
        if (into && number < *length) into[number] = (process_t){pid, (unsigned long long)bytes, ~0u, ~0u};
        number++;
    }
    fclose(in);
    error = number > (into ? *length : 0) ? TOO_SMALL : SUCCESS;
    *length = number;
    return error;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return failing("init"); }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int code) { return code == 999 ? "Unknown Error" : "An error of the stub"; }

int nvmlDeviceGetCount_v2(unsigned *number) {
    *number = (unsigned)count();
    return failing("count");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t *device) {
    char call[32];
    int error;
    snprintf(call, sizeof call, "handle%u", index);
    error = failing(call);
    if (error) return error;
    if ((int)index >= count()) return INVALID;
    *device = &gpus[index];
    return failing("handle");
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device_t *device) {
    for (int index = 0, number = count(); index < number; index++)
        if (!strcmp(gpus[index].uuid, uuid)) {
            *device = &gpus[index];
            return failing("handle");
        }
    return NOT_FOUND;
}

int nvmlDeviceGetUUID(device_t device, char *into, unsigned length) {
    snprintf(into, length, "%s", device->uuid);
    return SUCCESS;
}

int nvmlDeviceGetName(device_t device, char *into, unsigned length) {
    snprintf(into, length, "%s", device->name);
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(device_t device, int *major, int *minor) {
    *major = device->major;
    *minor = device->minor;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(device_t device, memory_t *memory) {
    count();
    *memory = (memory_t){device->total, device->free, device->total - device->free};
    return failing("memory");
}

#ifndef OLD
int nvmlDeviceGetComputeRunningProcesses_v3(device_t device, unsigned *length, process_t *into) {
    return list(device, "compute", length, into);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(device_t device, unsigned *length, process_t *into) {
    return list(device, "graphics", length, into);
}
#endif
