#pragma once

// What the program can do besides serving: look at configurations. Results go to `out`, problems to `err`, one line each.

#include "config/environment.hpp"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace tiercel::config {
struct loaded;
}

namespace tiercel::app {

// Exit codes of the process.
enum exit_code : int {
    done = 0,
    failed = 1,      // at run time
    bad_usage = 2,   // or bad configuration
};

struct console {
    std::ostream& out;
    std::ostream& err;
};

// The configuration, or nothing after its problems were written to err.
std::optional<config::loaded> load_or_complain(const std::string& file, const config::environment& env, console io);

// `tiercel check FILE`
exit_code check(const std::string& file, const config::environment& env, console io);
// `tiercel config FILE`
exit_code show_config(const std::string& file, const config::environment& env, console io);
// `tiercel config --reference`
exit_code show_reference(console io);

// Of the first of the usual places that exists: what `tiercel run` reads when it is not told. Nothing: none does.
std::optional<std::string> usual_file(const std::vector<std::string>& places = {"conf/quickstart.yaml", "/etc/tiercel/tiercel.yaml"});

}  // namespace tiercel::app
