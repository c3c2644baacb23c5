#include "load/machine.hpp"

#include "load/cpu.hpp"
#include "load/peers.hpp"

#include "support/process.hpp"
#include "support/proxy.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

namespace tiercel::load {
namespace {

// The value of the first line "name : value".
std::string value_in(const char* file, std::string_view name)
{
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(name)) { continue; }
        const std::size_t at = line.find_first_not_of(" \t:=\"", name.size());
        return at == std::string::npos ? "" : line.substr(at, line.find_last_not_of("\"") - at + 1);
    }
    return "";
}

std::string first_line_of(std::vector<std::string> argv)
{
    if (argv[0].find('/') == std::string::npos && test::find_program(argv[0]).empty()) { return ""; }
    test::process_options o;
    o.argv = std::move(argv);
    const auto p = test::process::start(std::move(o));
    p->wait();
    const std::string said = p->output();
    return said.substr(0, said.find('\n'));
}

}  // namespace

boost::json::object describe_machine()
{
    utsname kernel{};
    ::uname(&kernel);
    std::ifstream load("/proc/loadavg");
    double load_now = 0;
    load >> load_now;
    boost::json::object out;
    out["processor"] = value_in("/proc/cpuinfo", "model name");
    out["processors"] = usable_cpus().size();
    out["hypervisor"] = value_in("/proc/cpuinfo", "flags").find(" hypervisor") != std::string::npos;
    out["memory_mib"] = ::sysconf(_SC_PHYS_PAGES) / 1024 * ::sysconf(_SC_PAGESIZE) / 1024;
    out["kernel"] = std::string(kernel.sysname) + " " + kernel.release + " " + kernel.machine;
    out["system"] = value_in("/etc/os-release", "PRETTY_NAME");
    out["load_average"] = load_now;
    boost::json::object programs;
    programs["tiercel"] = first_line_of({test::proxy::program().native(), "--version"});
    programs["redis-server"] = first_line_of({"redis-server", "--version"});
    for (const peer& p : peers()) {
        if (is_installed(p)) { programs[p.name] = first_line_of({std::string(p.program), std::string(p.version)}); }
    }
    out["programs"] = std::move(programs);
    return out;
}

}  // namespace tiercel::load
