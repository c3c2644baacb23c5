#pragma once

// Child processes for tests. Whatever happens, none is left behind: each is its own process group, killed with the object,
// and the kernel kills it when the thread that started it ends.

#include "support/net.hpp"
#include "support/temp_dir.hpp"

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::test {

struct exit_status {
    int code = -1;     // of exit(); -1 when ended by a signal
    int signal = 0;    // that ended it; 0 when it exited
    bool ok() const noexcept { return code == 0; }
    friend bool operator==(const exit_status&, const exit_status&) = default;
};

struct process_options {
    std::vector<std::string> argv{};                                   // [0] is looked up in PATH unless it has a slash
    std::vector<std::pair<std::string, std::string>> environment{};  // on top of ours
    std::filesystem::path working_directory{};                       // empty: ours
};

class process {
public:
    // Throws std::system_error when the program cannot be executed.
    // REQUIRES: the calling thread lives as long as the child is wanted.
    static std::unique_ptr<process> start(process_options o);
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process();

    pid_t pid() const noexcept { return pid_; }
    bool is_running();

    // Standard output and error so far, as they were interleaved.
    std::string output() const { return read_file(directory_.path() / "output"); }
    // The first complete output line that contains `text`. Throws timed_out, or peer_closed when the child ended without it;
    // both tell what the child said.
    std::string wait_for_line(std::string_view text, std::chrono::milliseconds timeout = default_timeout);

    // To the whole process group, so also to what the child started.
    void send_signal(int number);
    // Waits for the end. Throws timed_out.
    exit_status wait(std::chrono::milliseconds timeout = default_timeout);
    // SIGTERM and wait(); SIGKILL when that takes too long (timed_out is then thrown, the child being gone).
    exit_status terminate(std::chrono::milliseconds timeout = default_timeout);
    // SIGKILL to the whole group, and wait.
    void kill();

private:
    process() = default;
    bool has_ended();

    pid_t pid_ = -1;
    std::string name_;
    std::optional<exit_status> ended_;
    temp_dir directory_;   // holds the output file
};

// The full path of a program, from PATH and the places where daemons live; empty when it is not installed.
std::filesystem::path find_program(std::string_view name);

// Polls `done` until it is true; false at the deadline. For states of other processes, which give no event to wait for.
template <class Predicate>
bool eventually(Predicate done, std::chrono::milliseconds timeout = default_timeout);

void pause_between_polls();   // a few milliseconds

template <class Predicate>
bool eventually(Predicate done, std::chrono::milliseconds timeout)
{
    const deadline until = after(timeout);
    for (;;) {
        if (done()) { return true; }
        if (std::chrono::steady_clock::now() >= until) { return false; }
        pause_between_polls();
    }
}

}  // namespace tiercel::test
