#define _GNU_SOURCE
#include "CMemoryGuard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

// The handler reads this table without a lock: `start` is published last and cleared first.
struct range {
    _Atomic(uintptr_t) start;  // 0: free or being changed
    _Atomic(uintptr_t) end;
    atomic_int faulted;
};

static struct range ranges[CMemoryGuard_CAPACITY];
static atomic_int used;  // slots ever used; the handler looks no further
static int taken[CMemoryGuard_CAPACITY];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int installed;
static struct sigaction previous;
static uintptr_t page_size;

static void pass_on(int signal_number, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal_number, info, context);
        return;
    }
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal_number);
        return;
    }
    // The default action: return with it in place, so that the faulting instruction runs into it again.
    // A signal that was sent (kill) does not come again by itself.
    struct sigaction action;
    action.sa_handler = SIG_DFL;
    action.sa_flags = 0;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
    if (info->si_code <= 0) raise(signal_number);
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    int count = info->si_code > 0 ? atomic_load_explicit(&used, memory_order_acquire) : 0;
    for (int slot = 0; slot < count; slot++) {
        uintptr_t start = atomic_load_explicit(&ranges[slot].start, memory_order_acquire);
        uintptr_t end = atomic_load_explicit(&ranges[slot].end, memory_order_relaxed);
        if (start == 0 || address < start || address >= end) continue;
        uintptr_t page = address & ~(page_size - 1);
        atomic_store_explicit(&ranges[slot].faulted, 1, memory_order_release);
        // Not on POSIX's list of async-signal-safe functions, but on Linux a plain system call.
        void *mapped = mmap((void *)page, end - page, PROT_READ,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        errno = saved_errno;
        if (mapped != MAP_FAILED) return;
        break;
    }
    pass_on(signal_number, info, context);
    errno = saved_errno;
}

static int install(void) {
    if (installed) return 0;
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action;
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &previous) != 0) return -1;
    installed = 1;
    return 0;
}

int CMemoryGuard_register(const void *start, size_t length) {
    int slot = -1;
    pthread_mutex_lock(&lock);
    if (install() == 0) {
        for (int candidate = 0; candidate < CMemoryGuard_CAPACITY; candidate++) {
            if (taken[candidate]) continue;
            slot = candidate;
            taken[slot] = 1;
            uintptr_t end = (uintptr_t)start + length;
            end = (end + page_size - 1) & ~(page_size - 1);
            atomic_store_explicit(&ranges[slot].end, end, memory_order_relaxed);
            atomic_store_explicit(&ranges[slot].faulted, 0, memory_order_relaxed);
            atomic_store_explicit(&ranges[slot].start, (uintptr_t)start, memory_order_release);
            if (slot >= atomic_load(&used)) atomic_store_explicit(&used, slot + 1, memory_order_release);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

void CMemoryGuard_unregister(int slot) {
    if (slot < 0 || slot >= CMemoryGuard_CAPACITY) return;
    pthread_mutex_lock(&lock);
    atomic_store_explicit(&ranges[slot].start, 0, memory_order_release);
    taken[slot] = 0;
    pthread_mutex_unlock(&lock);
}

int CMemoryGuard_faulted(int slot) {
    if (slot < 0 || slot >= CMemoryGuard_CAPACITY) return 0;
    return atomic_load_explicit(&ranges[slot].faulted, memory_order_acquire);
}
