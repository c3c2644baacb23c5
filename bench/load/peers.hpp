#pragma once

// Other caching proxies, set up for the same work as well as their manuals tell: one thread, memory or memory-backed storage, kept
// connections on both sides, no log.

#include "support/process.hpp"
#include "support/temp_dir.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::load {

struct peer_process {
    test::temp_dir directory;
    std::unique_ptr<test::process> process;
    std::uint16_t port = 0;
};

struct peer {
    std::string_view name;
    std::string_view program;
    std::string_view version;   // the argument that makes it print its version
    // Writes what it needs into `directory`; the command line to start it with.
    std::vector<std::string> (*prepare)(const test::temp_dir& directory, std::uint16_t port, std::uint16_t origin);
};

std::span<const peer> peers();
bool is_installed(const peer& p);
// Throws std::runtime_error with what it said when it does not start.
std::unique_ptr<peer_process> start(const peer& p, std::uint16_t origin, int cpu);

}  // namespace tiercel::load
