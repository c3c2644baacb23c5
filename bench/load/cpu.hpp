#pragma once

// Processor time of servers, as the gauge of what a request costs: unlike throughput and latency it hardly depends on what else
// the machine does.

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace tiercel::load {

using std::chrono::nanoseconds;

// A process and all that it started, and so on.
std::vector<pid_t> process_tree(pid_t root);

// User and system time that these have used so far, to the nanosecond. Those that are gone count nothing.
nanoseconds cpu_time(const std::vector<pid_t>& processes);
// The user part, in steps of the kernel's clock tick.
nanoseconds user_time(const std::vector<pid_t>& processes);
// Of each thread of a process, in no particular order.
std::vector<nanoseconds> thread_times(pid_t process);

// The processors that this process may use.
std::vector<int> usable_cpus();

// While it lives, what the calling thread starts stays on one processor, and so does the thread. Nothing with cpu -1.
class stay_here {
public:
    explicit stay_here(int cpu);
    stay_here(const stay_here&) = delete;
    stay_here& operator=(const stay_here&) = delete;
    ~stay_here();

private:
    std::vector<int> before_;
};

}  // namespace tiercel::load
