// tiercel-bench: the command line.

#include "load/limit_server.hpp"
#include "load/machine.hpp"
#include "load/report.hpp"
#include "load/scenario.hpp"
#include "load/settings_text.hpp"

#include "support/process.hpp"

#include <CLI/CLI.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>

namespace {

using namespace tiercel;
using namespace tiercel::load;

enum exit_code { passed = 0, property_failed = 1, bad_usage = 2, could_not_run = 3 };

struct arguments {
    bool quick = false;
    bool control = false;
    std::optional<unsigned> repeats;
    std::uint64_t seed = 1;
    std::string tiercel;                        // the program; empty: of this build
    std::string origin;
    std::filesystem::path out;                  // empty: no files
    std::map<std::string, std::string> given;   // option rows, by name
};

// What this program starts: named, of this build, beside this program, or in the PATH.
void choose_program(const char* variable, const std::string& named, const std::string& name, const std::string& in_tree)
{
    if (!named.empty()) {
        if (!std::filesystem::exists(named)) { throw std::invalid_argument("there is no program " + named); }
        ::setenv(variable, std::filesystem::absolute(named).c_str(), 1);
        return;
    }
    if (std::getenv(variable) != nullptr) { return; }
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    for (const auto& place : {beside / name, beside / ".." / ".." / in_tree, test::find_program(name)}) {
        if (!place.empty() && std::filesystem::exists(place)) {
            ::setenv(variable, place.c_str(), 1);
            return;
        }
    }
}

void allow_many_connections()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);   // of what we start, too
}

// Disks are not what is measured: what servers write goes to memory, unless the user wants it elsewhere.
void keep_files_in_memory()
{
    if (std::getenv("TMPDIR") == nullptr && ::access("/dev/shm", W_OK) == 0) { ::setenv("TMPDIR", "/dev/shm", 1); }
}

std::string now_as_text()
{
    const std::time_t t = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&t, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

settings settings_from(const scenario& what, const arguments& a)
{
    settings s = settings_of(what, a.quick, a.control);
    s.seed = a.seed;
    if (a.repeats) { s.repeats = *a.repeats; }
    for (const auto& [name, value] : a.given) { option_named(name).set(s, value); }
    for (const std::string& part : s.only) {
        if (std::find(what.parts.begin(), what.parts.end(), part) == what.parts.end()) {
            throw std::invalid_argument("there is no part " + part);
        }
    }
    return s;
}

bool run_scenario(const scenario& what, const arguments& a, const boost::json::object& machine)
{
    scenario_result result{.what = &what, .with = settings_from(what, a), .repeats = {}, .began = now_as_text()};
    for (unsigned i = 0; i < result.with.repeats; ++i) { result.repeats.push_back(what.measure(result.with)); }
    const auto report = report_of(result, machine);
    std::cout << text_of(report) << std::flush;
    if (!a.out.empty()) { write_report(report, a.out); }
    return has_passed(report);
}

int run_all(const arguments& a, std::span<const scenario> which)
{
    choose_program("TIERCEL_BIN", a.tiercel, "tiercel", "src/app/tiercel");
    choose_program("TIERCEL_ORIGIN_BIN", a.origin, "tiercel-origin", "bench/origin/tiercel-origin");
    allow_many_connections();
    keep_files_in_memory();
    const auto machine = describe_machine();
    int code = passed;
    for (const scenario& s : which) {
        try {
            if (!run_scenario(s, a, machine)) { code = std::max<int>(code, property_failed); }
        } catch (const std::invalid_argument&) {
            throw;
        } catch (const std::exception& e) {
            std::cout << s.name << ": COULD NOT RUN " << e.what() << std::endl;
            code = could_not_run;
        }
    }
    return code;
}

void add_common(CLI::App& command, arguments& a)
{
    command.add_flag("--quick", a.quick, "The short form, a second or two: fewer requests, one repeat");
    command.add_flag("--control", a.control, "Without the protection that it is about. Must fail");
    command.add_option("--repeats", a.repeats, "How often to measure anew")->type_name("N")->check(CLI::PositiveNumber);
    command.add_option("--seed", a.seed, "Of everything that is drawn at random")->type_name("N");
    command.add_option("--tiercel", a.tiercel, "The program under test; otherwise the one of this build")->type_name("PATH");
    command.add_option("--origin", a.origin, "The sample origin; otherwise the one of this build")->type_name("PATH");
    command.add_option("--out", a.out, "Write NAME.json there, and index.html over all results that are there")->type_name("DIRECTORY");
}

std::string details_of(const scenario& s)
{
    std::string out(s.property);
    out += "\n\n--control switches off: " + std::string(s.control) + ".";
    if (!s.parts.empty()) {
        out += "\nParts:";
        for (const std::string_view part : s.parts) { out += " " + std::string(part); }
    }
    return out;
}

CLI::App* add_scenario(CLI::App& program, const scenario& s, arguments& a)
{
    CLI::App* const command = program.add_subcommand(std::string(s.name), details_of(s));
    add_common(*command, a);
    for (const std::string_view option : s.options) {
        const option_row& row = option_named(option);
        const std::string name(row.name);
        if (row.type.empty()) {
            command->add_flag_callback("--" + name, [&a, name] { a.given[name] = ""; }, std::string(row.text));
            continue;
        }
        const auto take = [&a, name](const std::string& value) { a.given[name] = value; };
        const std::string usual = row.show(s.full);
        command->add_option_function<std::string>("--" + name, take, std::string(row.text) + (usual.empty() ? "" : " [" + usual + "]"))
            ->type_name(std::string(row.type));
    }
    return command;
}

int command_line(int argc, char** argv)
{
    arguments a;
    std::uint16_t limit_port = 0;
    CLI::App program("Load and scenarios against real processes. The last line of each is its verdict.", "tiercel-bench");
    program.require_subcommand(1);
    program.footer("Exit codes: 0 every property holds, 1 one does not, 2 bad usage, 3 something that is needed is missing or broke.\n"
                   "docs/benchmarks.md says how to read the results.");
    for (const scenario& s : scenarios()) { add_scenario(program, s, a); }
    CLI::App* const all = program.add_subcommand("all", "Every scenario, one after the other.");
    add_common(*all, a);
    CLI::App* const limit = program.add_subcommand("limit-server", "Serve as the limit of the comparisons does; for trials by hand.");
    limit->add_option("PORT", limit_port, "On loopback")->required()->type_name("");
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return program.exit(e) == 0 ? passed : bad_usage;
    }
    if (limit->parsed()) { serve_limit(limit_port); }
    if (all->parsed()) { return run_all(a, scenarios()); }
    const scenario* const one = find_scenario(program.get_subcommands().front()->get_name());
    return run_all(a, {one, 1});
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        return command_line(argc, argv);
    } catch (const std::invalid_argument& e) {
        std::cerr << "tiercel-bench: " << e.what() << "\n";
        return bad_usage;
    } catch (const std::exception& e) {
        std::cerr << "tiercel-bench: " << e.what() << "\n";
        return could_not_run;
    }
}
