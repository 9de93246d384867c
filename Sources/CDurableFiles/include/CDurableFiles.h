// What the Swift importer of Glibc leaves out because it hides behind _GNU_SOURCE.
#ifndef CDURABLEFILES_H
#define CDURABLEFILES_H

/// Exchanges two directory entries in one step (renameat2 with RENAME_EXCHANGE).
/// Returns 0, or -1 with errno set.
int CDurableFiles_exchange(const char *first, const char *second);

#endif
