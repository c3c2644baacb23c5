#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <system_error>
#include <thread>

extern char** environ;

namespace tiercel::test {
namespace {

// What the child needs between fork and exec, made before the fork: afterwards only async-signal-safe calls are allowed.
struct prepared {
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::vector<char*> argv_pointers;
    std::vector<char*> environment_pointers;
    std::string program;
    std::string directory;
    std::string output;
};

std::vector<char*> pointers(std::vector<std::string>& strings)
{
    std::vector<char*> out;
    for (std::string& s : strings) { out.push_back(s.data()); }
    out.push_back(nullptr);
    return out;
}

bool names_variable(std::string_view entry, std::string_view name)
{
    return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& ours)
{
    std::vector<std::string> out;
    for (char** e = environ; *e != nullptr; ++e) {
        bool replaced = false;
        for (const auto& [name, value] : ours) { replaced = replaced || names_variable(*e, name); }
        if (!replaced) { out.emplace_back(*e); }
    }
    for (const auto& [name, value] : ours) { out.push_back(name + "=" + value); }
    return out;
}

prepared prepare(process_options o, const std::filesystem::path& output)
{
    if (o.argv.empty()) { throw std::invalid_argument("process without a program"); }
    prepared p;
    p.program = o.argv[0].find('/') == std::string::npos ? find_program(o.argv[0]).native() : o.argv[0];
    if (p.program.empty()) { throw std::system_error(ENOENT, std::generic_category(), o.argv[0]); }
    p.argv = std::move(o.argv);
    p.environment = merged_environment(o.environment);
    p.argv_pointers = pointers(p.argv);
    p.environment_pointers = pointers(p.environment);
    p.directory = o.working_directory.native();
    p.output = output.native();
    return p;
}

// In the child. Never returns; on failure writes errno to `report`.
[[noreturn]] void become(const prepared& p, pid_t parent, int report)
{
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) { ::_exit(127); }   // the parent died before the line above
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const int in = ::open("/dev/null", O_RDONLY);
    const int out = ::open(p.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in >= 0 && out >= 0 && ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(out, 2) == 2 &&
        (p.directory.empty() || ::chdir(p.directory.c_str()) == 0)) {
        ::execve(p.program.c_str(), p.argv_pointers.data(), p.environment_pointers.data());
    }
    const int problem = errno;
    [[maybe_unused]] const ssize_t n = ::write(report, &problem, sizeof problem);
    ::_exit(127);
}

exit_status status_of(const siginfo_t& info)
{
    if (info.si_code == CLD_EXITED) { return {.code = info.si_status, .signal = 0}; }
    return {.code = -1, .signal = info.si_status};
}

}  // namespace

std::unique_ptr<process> process::start(process_options o)
{
    std::unique_ptr<process> self(new process);
    const std::filesystem::path output = self->directory_.write("output", "");
    const prepared p = prepare(std::move(o), output);
    self->name_ = p.program;

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) { throw std::system_error(errno, std::generic_category(), "pipe"); }
    unique_fd report_reader(ends[0]);
    unique_fd report_writer(ends[1]);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) { throw std::system_error(errno, std::generic_category(), "fork"); }
    if (child == 0) { become(p, parent, report_writer.get()); }
    self->pid_ = child;
    ::setpgid(child, child);   // in both, so that it holds whoever runs first
    report_writer.close();

    // The pipe closes by exec, or brings the reason why there was none.
    int problem = 0;
    ssize_t n = 0;
    do {
        n = ::read(report_reader.get(), &problem, sizeof problem);
    } while (n < 0 && errno == EINTR);
    if (n > 0) { throw std::system_error(problem, std::generic_category(), p.program); }
    return self;
}

process::~process()
{
    kill();   // also what the child started and left behind
    if (pid_ > 0) {
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

bool process::has_ended()
{
    if (ended_) { return true; }
    // WNOWAIT: the dead child is collected by the destructor alone. Until then its id, and so the id of its group, cannot
    // pass to a stranger whom we would signal.
    siginfo_t info{};
    const int failed = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (failed != 0 || info.si_pid == 0) { return false; }
    ended_ = status_of(info);
    return true;
}

bool process::is_running()
{
    return !has_ended();
}

std::string process::wait_for_line(std::string_view text, std::chrono::milliseconds timeout)
{
    std::string found;
    const auto look = [&] {
        std::istringstream lines(output());
        for (std::string line; std::getline(lines, line) && !lines.eof();) {
            if (line.find(text) != std::string::npos) {
                found = line;
                return true;
            }
        }
        return false;
    };
    bool ended = false;
    const bool in_time = eventually([&] {
        ended = !is_running();   // asked before looking, or the last words would be missed
        return look() || ended;
    }, timeout);
    if (!found.empty()) { return found; }
    const std::string said = name_ + " never said \"" + std::string(text) + "\"; it said:\n" + output();
    if (!in_time) { throw timed_out(said); }
    throw peer_closed(said, false);
}

void process::send_signal(int number)
{
    ::kill(-pid_, number);
}

exit_status process::wait(std::chrono::milliseconds timeout)
{
    if (!eventually([&] { return has_ended(); }, timeout)) {
        throw timed_out(name_ + " still runs; it said:\n" + output());
    }
    return *ended_;
}

exit_status process::terminate(std::chrono::milliseconds timeout)
{
    send_signal(SIGTERM);
    try {
        return wait(timeout);
    } catch (const timed_out&) {
        kill();
        throw;
    }
}

void process::kill()
{
    if (pid_ <= 0) { return; }
    ::kill(-pid_, SIGKILL);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    if (!ended_) { ended_ = status_of(info); }
}

std::filesystem::path find_program(std::string_view name)
{
    const char* path = std::getenv("PATH");
    const std::string usual = ":/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
    std::istringstream places((path == nullptr ? "" : path) + usual);
    for (std::string place; std::getline(places, place, ':');) {
        const std::filesystem::path candidate = std::filesystem::path(place) / name;
        if (!place.empty() && ::access(candidate.c_str(), X_OK) == 0) { return candidate; }
    }
    return {};
}

void pause_between_polls()
{
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
}

}  // namespace tiercel::test
