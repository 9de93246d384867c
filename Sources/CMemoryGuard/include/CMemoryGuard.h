// Turns the SIGBUS of a mapped file that was truncated into a flag.
//
// A page of a mapping that lies behind the end of its file raises SIGBUS when it is touched. For ranges
// registered here the handler maps zero pages from the fault to the end of the range and raises the
// range's flag, so the reader goes on and is told afterwards. Faults elsewhere go to whatever handled
// SIGBUS before, by default the end of the process.
#ifndef CMEMORYGUARD_H
#define CMEMORYGUARD_H

#include <stddef.h>
#include <stdint.h>

/// Ranges that can be registered at a time.
#define CMemoryGuard_CAPACITY 4096

/// Registers the pages [start, start + length) and, the first time, installs the handler.
/// Returns a slot for the other functions, or -1 when no slot is free.
int CMemoryGuard_register(const void *start, size_t length);

/// Forgets a range; nobody may touch its pages any more.
void CMemoryGuard_unregister(int slot);

/// Whether a page of the range has been replaced by zeros.
int CMemoryGuard_faulted(int slot);

#endif
