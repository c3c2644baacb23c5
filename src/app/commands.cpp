#include "app/commands.hpp"

#include "config/config_loader.hpp"
#include "config/config_print.hpp"

#include <filesystem>
#include <system_error>

namespace tiercel::app {

std::optional<config::loaded> load_or_complain(const std::string& file, const config::environment& env, console io)
{
    auto what = config::load(file, env);
    for (const auto& p : what.problems) {
        io.err << config::to_text(p) << '\n';
    }
    for (const auto& p : what.warnings) {
        io.err << config::to_text(p) << '\n';
    }
    if (!what.ok()) {
        return std::nullopt;
    }
    return what;
}

exit_code check(const std::string& file, const config::environment& env, console io)
{
    const auto what = load_or_complain(file, env, io);
    if (!what) {
        return bad_usage;
    }
    io.out << file << (what->warnings.empty() ? ": ok\n" : ": can be used, see the warnings\n");
    return done;
}

exit_code show_config(const std::string& file, const config::environment& env, console io)
{
    const auto what = load_or_complain(file, env, io);
    if (!what) {
        return bad_usage;
    }
    io.out << config::effective_text(*what);
    return done;
}

exit_code show_reference(console io)
{
    io.out << config::reference_text();
    return done;
}

std::optional<std::string> usual_file(const std::vector<std::string>& places)
{
    for (const auto& place : places) {
        std::error_code ec;
        if (std::filesystem::exists(place, ec)) {
            return place;
        }
    }
    return std::nullopt;
}

}  // namespace tiercel::app
