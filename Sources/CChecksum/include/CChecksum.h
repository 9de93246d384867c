// CRC-32 by carry-less multiplication, where the processor has it.
#ifndef CCHECKSUM_H
#define CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// Passes leading bytes of `bytes` through the register `crc` (reflected polynomial 0xEDB88320, without complements) and
// says how many in `taken`: all but fewer than sixteen, or none of a short text or on a processor without the
// instruction. Returns the register.
uint32_t CChecksum_crc32(uint32_t crc, const void *bytes, size_t count, size_t *taken);

#endif
