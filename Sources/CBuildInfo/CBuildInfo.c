#include "CBuildInfo.h"

// Package.swift passes the commit: Swift targets take no valued definitions, C targets do.
#ifndef SHOAL_COMMIT
#define SHOAL_COMMIT "unknown"
#endif

const char *CBuildInfo_commit(void) { return SHOAL_COMMIT; }
