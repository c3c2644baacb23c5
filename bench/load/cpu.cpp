#include "load/cpu.hpp"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace tiercel::load {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> threads_of(pid_t process)
{
    std::vector<fs::path> out;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process) + "/task", gone)) { out.push_back(entry.path()); }
    return out;
}

void set_cpus(const std::vector<int>& cpus)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus) { CPU_SET(static_cast<unsigned>(cpu), &set); }
    if (::sched_setaffinity(0, sizeof set, &set) != 0) { throw std::system_error(errno, std::generic_category(), "sched_setaffinity"); }
}

}  // namespace

std::vector<pid_t> process_tree(pid_t root)
{
    std::vector<pid_t> out{root};
    for (std::size_t i = 0; i < out.size(); ++i) {
        for (const fs::path& thread : threads_of(out[i])) {
            std::ifstream children(thread / "children");
            for (pid_t child = 0; children >> child;) { out.push_back(child); }
        }
    }
    return out;
}

nanoseconds cpu_time(const std::vector<pid_t>& processes)
{
    nanoseconds sum{0};
    for (const pid_t p : processes) {
        clockid_t clock = 0;
        timespec t{};
        if (::clock_getcpuclockid(p, &clock) != 0 || ::clock_gettime(clock, &t) != 0) { continue; }
        sum += std::chrono::seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
    }
    return sum;
}

nanoseconds user_time(const std::vector<pid_t>& processes)
{
    std::int64_t ticks = 0;
    for (const pid_t p : processes) {
        std::ifstream file("/proc/" + std::to_string(p) + "/stat");
        std::string text;
        std::getline(file, text);
        std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));   // the name may hold anything
        std::string skipped;
        for (int i = 0; i < 11; ++i) { fields >> skipped; }
        std::int64_t user = 0;
        fields >> user;
        ticks += user;
    }
    return nanoseconds(std::chrono::seconds(1)) * ticks / ::sysconf(_SC_CLK_TCK);
}

std::vector<nanoseconds> thread_times(pid_t process)
{
    std::vector<nanoseconds> out;
    for (const fs::path& thread : threads_of(process)) {
        std::int64_t on_cpu = 0;
        if (std::ifstream(thread / "schedstat") >> on_cpu) { out.emplace_back(on_cpu); }
    }
    return out;
}

std::vector<int> usable_cpus()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> out;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) { out.push_back(static_cast<int>(cpu)); }
    }
    return out;
}

stay_here::stay_here(int cpu)
{
    if (cpu < 0) { return; }
    before_ = usable_cpus();
    set_cpus({cpu});
}

stay_here::~stay_here()
{
    if (!before_.empty()) { set_cpus(before_); }
}

}  // namespace tiercel::load
