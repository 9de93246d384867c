#ifndef CBUILDINFO_H
#define CBUILDINFO_H

/// The commit this was built from, with "+" behind it when the checkout had changes; "unknown" outside of git.
const char *CBuildInfo_commit(void);

#endif
