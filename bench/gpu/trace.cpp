// Writes down when each kernel and each copy of a process began and ended on the card, as NVIDIA's CUPTI tells it, without
// changing anything: CUDA_INJECTION64_PATH names this library, GPU_TRACE the file, one line each:
//
//     kind,start in ns,end in ns,grid or bytes,name
//
// Built by stage.sh; read by kernels.py.
#include <cupti.h>

#include <cstdio>
#include <cstdlib>

namespace {

FILE* out = nullptr;
constexpr size_t kBytes = 8 << 20;

void give(uint8_t** buffer, size_t* size, size_t* records) {
  *buffer = static_cast<uint8_t*>(aligned_alloc(8, kBytes));
  *size = kBytes;
  *records = 0;
}

void take(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid) {
  CUpti_Activity* record = nullptr;
  while (out != nullptr && cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      const auto* k = reinterpret_cast<const CUpti_ActivityKernel10*>(record);
      const long long blocks = 1LL * k->gridX * k->gridY * k->gridZ;
      fprintf(out, "kernel,%llu,%llu,%lld,%s\n", (unsigned long long)k->start, (unsigned long long)k->end, blocks, k->name);
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      const auto* c = reinterpret_cast<const CUpti_ActivityMemcpy6*>(record);
      fprintf(out, "copy,%llu,%llu,%llu,copy of kind %d\n", (unsigned long long)c->start, (unsigned long long)c->end,
              (unsigned long long)c->bytes, c->copyKind);
    }
  }
  free(buffer);
}

void finish() {
  cuptiActivityFlushAll(1);
  if (out != nullptr) fclose(out);
  out = nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjection() {
  const char* path = getenv("GPU_TRACE");
  out = path == nullptr ? nullptr : fopen(path, "w");
  if (out == nullptr) return 1;
  cuptiActivityRegisterCallbacks(give, take);
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
  cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
  atexit(finish);
  return 1;
}
