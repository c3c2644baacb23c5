// Loaded before the C library of a program under test (LD_PRELOAD): counts what is allocated, in a file that the test maps too.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

std::atomic<std::uint64_t> unused{0};
std::atomic<std::uint64_t>* counter = &unused;

// Before main(), and before the threads that are to be counted.
[[gnu::constructor]] void map_counter()
{
    const char* const file = std::getenv("TIERCEL_COUNT_ALLOCATIONS");
    const int fd = file != nullptr ? ::open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) { return; }
    void* const at = ::mmap(nullptr, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at != MAP_FAILED) { counter = static_cast<std::atomic<std::uint64_t>*>(at); }
}

void count() { counter->fetch_add(1, std::memory_order_relaxed); }

}  // namespace

extern "C" {

void* malloc(std::size_t n)
{
    count();
    return __libc_malloc(n);
}
void* calloc(std::size_t n, std::size_t size)
{
    count();
    return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t n)
{
    count();
    return __libc_realloc(p, n);
}
void* memalign(std::size_t alignment, std::size_t n)
{
    count();
    return __libc_memalign(alignment, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) { return memalign(alignment, n); }
int posix_memalign(void** out, std::size_t alignment, std::size_t n)
{
    *out = memalign(alignment, n);
    return *out != nullptr ? 0 : ENOMEM;
}

}
