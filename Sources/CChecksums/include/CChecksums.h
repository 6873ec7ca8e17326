#ifndef CCHECKSUMS_H
#define CCHECKSUMS_H
#include <stddef.h>
#include <stdint.h>

/* Each function continues a checksum: pass 0 (not its complement) to start, and the last result to go on. */
uint32_t meridian_crc32(uint32_t crc, const void *data, size_t length);
uint32_t meridian_crc32c(uint32_t crc, const void *data, size_t length);
uint64_t meridian_crc64nvme(uint64_t crc, const void *data, size_t length);

/* The same results by the portable tables only, so that tests can compare both paths. */
uint32_t meridian_crc32_portable(uint32_t crc, const void *data, size_t length);
uint32_t meridian_crc32c_portable(uint32_t crc, const void *data, size_t length);
uint64_t meridian_crc64nvme_portable(uint64_t crc, const void *data, size_t length);

#endif
