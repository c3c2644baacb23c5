#pragma once

#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

namespace tiercel::test {

struct process_memory {
    std::uint64_t resident = 0;   // bytes, now
    std::uint64_t peak = 0;       // the most it ever was
};

// As the kernel counts it.
inline process_memory memory_of(pid_t pid)
{
    process_memory out;
    std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
    for (std::string name; lines >> name;) {
        std::uint64_t kib = 0;
        if (name == "VmRSS:" && lines >> kib) { out.resident = kib * 1024; }
        if (name == "VmHWM:" && lines >> kib) { out.peak = kib * 1024; }
        lines.ignore(1 << 20, '\n');
    }
    if (out.resident == 0) { throw std::runtime_error("no such process: " + std::to_string(pid)); }
    return out;
}

}  // namespace tiercel::test
