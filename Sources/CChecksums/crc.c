#include "CChecksums.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the tables and the folding below read little-endian words"
#endif

/* Reflected polynomials; CRC-64/NVME is that of the NVM Express specification. */
#define POLYNOMIAL_CRC32 UINT64_C(0xEDB88320)
#define POLYNOMIAL_CRC32C UINT64_C(0x82F63B78)
#define POLYNOMIAL_CRC64NVME UINT64_C(0x9A6C9329AC4BC9B5)

/* Slicing by eight: slice[k][b] is the checksum of the byte b followed by k zero bytes. A 32-bit checksum uses the lower
   half of each entry. Filled once, before main; never written again, so any thread may read it. */
typedef struct {
    uint64_t slice[8][256];
} table_t;

static table_t table_crc32, table_crc32c, table_crc64nvme;

static void fill(table_t *table, uint64_t polynomial) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? polynomial : 0);
        table->slice[0][byte] = value;
    }
    for (int k = 1; k < 8; k++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t value = table->slice[k - 1][byte];
            table->slice[k][byte] = (value >> 8) ^ table->slice[0][value & 0xFF];
        }
    }
}

__attribute__((constructor)) static void fill_tables(void) {
    fill(&table_crc32, POLYNOMIAL_CRC32);
    fill(&table_crc32c, POLYNOMIAL_CRC32C);
    fill(&table_crc64nvme, POLYNOMIAL_CRC64NVME);
}

/* Advances the register `state` (neither complemented before nor after) over the data. */
static uint64_t advance(const table_t *table, uint64_t state, const uint8_t *data, size_t length) {
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        word ^= state;
        state = table->slice[7][word & 0xFF] ^ table->slice[6][(word >> 8) & 0xFF]
            ^ table->slice[5][(word >> 16) & 0xFF] ^ table->slice[4][(word >> 24) & 0xFF]
            ^ table->slice[3][(word >> 32) & 0xFF] ^ table->slice[2][(word >> 40) & 0xFF]
            ^ table->slice[1][(word >> 48) & 0xFF] ^ table->slice[0][word >> 56];
        data += 8;
        length -= 8;
    }
    while (length-- > 0) state = (state >> 8) ^ table->slice[0][(state ^ *data++) & 0xFF];
    return state;
}

uint32_t meridian_crc32_portable(uint32_t crc, const void *data, size_t length) {
    return ~(uint32_t)advance(&table_crc32, (uint32_t)~crc, data, length);
}

uint32_t meridian_crc32c_portable(uint32_t crc, const void *data, size_t length) {
    return ~(uint32_t)advance(&table_crc32c, (uint32_t)~crc, data, length);
}

uint64_t meridian_crc64nvme_portable(uint64_t crc, const void *data, size_t length) {
    return ~advance(&table_crc64nvme, ~crc, data, length);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Folding by carry-less multiplication ("Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009).
   A 128-bit register is moved D bits ahead by multiplying its first half by x^(D+63) and its second by x^(D-1), both mod
   the polynomial and bit-reflected in 64 bits; the missing factor x is what a product of reflected operands has extra. */
typedef struct {
    uint64_t first_512, second_512, first_128, second_128, first_2048, second_2048;
} folding_t;

static const folding_t folding_crc32 = {
    UINT64_C(0x653d982200000000), UINT64_C(0xcad38e8f00000000),
    UINT64_C(0x65673b4600000000), UINT64_C(0x9ba54c6f00000000),
    UINT64_C(0x7cc8e1e700000000), UINT64_C(0x03f9f86300000000)};
static const folding_t folding_crc32c = {
    UINT64_C(0x1c19243b00000000), UINT64_C(0x75bba45b00000000),
    UINT64_C(0x3743f7bd00000000), UINT64_C(0x3171d43000000000),
    UINT64_C(0xe9a5d8be00000000), UINT64_C(0x1426a81500000000)};
static const folding_t folding_crc64nvme = {
    UINT64_C(0x0c32cdb31e18a84a), UINT64_C(0x62242240ace5045a),
    UINT64_C(0xeadc41fd2ba3d420), UINT64_C(0x21e9761e252621ac),
    UINT64_C(0x37ccd3e14069cabc), UINT64_C(0xa043808c0f782663)};

#define ACCELERATED __attribute__((target("sse4.1,pclmul")))

ACCELERATED static inline __m128i load(const uint8_t *data) { return _mm_loadu_si128((const __m128i *)data); }

ACCELERATED static inline __m128i fold(__m128i value, __m128i constants, __m128i next) {
    __m128i first = _mm_clmulepi64_si128(value, constants, 0x00);
    __m128i second = _mm_clmulepi64_si128(value, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

/* The end of every folding: the 64 bytes' registers a to d, then what is left of the data. The last 16 bytes' register and
   the tail are left to the table. */
ACCELERATED static inline uint64_t finish_folding(
    const table_t *table, const folding_t *folding, __m128i a, __m128i b, __m128i c, __m128i d, const uint8_t *data,
    size_t length) {
    const __m128i by_128 = _mm_set_epi64x((long long)folding->second_128, (long long)folding->first_128);
    a = fold(a, by_128, b);
    a = fold(a, by_128, c);
    a = fold(a, by_128, d);
    while (length >= 16) {
        a = fold(a, by_128, load(data));
        data += 16;
        length -= 16;
    }
    uint8_t register_bytes[16];
    _mm_storeu_si128((__m128i *)register_bytes, a);
    return advance(table, advance(table, 0, register_bytes, 16), data, length);
}

/* As `advance`, for at least 64 bytes; folds 64 bytes a step. */
ACCELERATED static uint64_t advance_folding(
    const table_t *table, const folding_t *folding, uint64_t state, const uint8_t *data, size_t length) {
    const __m128i by_512 = _mm_set_epi64x((long long)folding->second_512, (long long)folding->first_512);
    __m128i a = _mm_xor_si128(load(data), _mm_cvtsi64_si128((long long)state));
    __m128i b = load(data + 16), c = load(data + 32), d = load(data + 48);
    data += 64;
    length -= 64;
    while (length >= 64) {
        a = fold(a, by_512, load(data));
        b = fold(b, by_512, load(data + 16));
        c = fold(c, by_512, load(data + 32));
        d = fold(d, by_512, load(data + 48));
        data += 64;
        length -= 64;
    }
    return finish_folding(table, folding, a, b, c, d, data, length);
}

#define WIDE __attribute__((target("avx512f,vpclmulqdq,sse4.1,pclmul")))

WIDE static inline __m512i fold_wide(__m512i value, __m512i constants, __m512i next) {
    __m512i first = _mm512_clmulepi64_epi128(value, constants, 0x00);
    __m512i second = _mm512_clmulepi64_epi128(value, constants, 0x11);
    /* 0x96: the exclusive or of all three. */
    return _mm512_ternarylogic_epi64(first, second, next, 0x96);
}

/* As `advance_folding`, for at least 256 bytes; folds 256 bytes a step in registers of 64. */
WIDE static uint64_t advance_folding_wide(
    const table_t *table, const folding_t *folding, uint64_t state, const uint8_t *data, size_t length) {
    const __m512i by_2048 = _mm512_broadcast_i32x4(
        _mm_set_epi64x((long long)folding->second_2048, (long long)folding->first_2048));
    const __m512i by_512 = _mm512_broadcast_i32x4(
        _mm_set_epi64x((long long)folding->second_512, (long long)folding->first_512));
    __m512i a = _mm512_xor_si512(
        _mm512_loadu_si512(data), _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)state)));
    __m512i b = _mm512_loadu_si512(data + 64), c = _mm512_loadu_si512(data + 128), d = _mm512_loadu_si512(data + 192);
    data += 256;
    length -= 256;
    while (length >= 256) {
        a = fold_wide(a, by_2048, _mm512_loadu_si512(data));
        b = fold_wide(b, by_2048, _mm512_loadu_si512(data + 64));
        c = fold_wide(c, by_2048, _mm512_loadu_si512(data + 128));
        d = fold_wide(d, by_2048, _mm512_loadu_si512(data + 192));
        data += 256;
        length -= 256;
    }
    a = fold_wide(a, by_512, b);
    a = fold_wide(a, by_512, c);
    a = fold_wide(a, by_512, d);
    while (length >= 64) {
        a = fold_wide(a, by_512, _mm512_loadu_si512(data));
        data += 64;
        length -= 64;
    }
    return finish_folding(
        table, folding, _mm512_castsi512_si128(a), _mm512_extracti32x4_epi32(a, 1), _mm512_extracti32x4_epi32(a, 2),
        _mm512_extracti32x4_epi32(a, 3), data, length);
}

/* Set once, before main. */
static int can_fold, can_fold_wide;

__attribute__((constructor)) static void detect(void) {
    __builtin_cpu_init();
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    can_fold_wide = can_fold && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}

#define ADVANCE(name, state, data, length) \
    (can_fold_wide && (length) >= 256 ? advance_folding_wide(&table_##name, &folding_##name, (state), (data), (length)) \
         : can_fold && (length) >= 64 ? advance_folding(&table_##name, &folding_##name, (state), (data), (length)) \
                                      : advance(&table_##name, (state), (data), (length)))
#else
#define ADVANCE(name, state, data, length) advance(&table_##name, (state), (data), (length))
#endif

uint32_t meridian_crc32(uint32_t crc, const void *data, size_t length) {
    return ~(uint32_t)ADVANCE(crc32, (uint32_t)~crc, data, length);
}

uint32_t meridian_crc32c(uint32_t crc, const void *data, size_t length) {
    return ~(uint32_t)ADVANCE(crc32c, (uint32_t)~crc, data, length);
}

uint64_t meridian_crc64nvme(uint64_t crc, const void *data, size_t length) {
    return ~ADVANCE(crc64nvme, ~crc, data, length);
}
