// The command line: arguments in, exit code out.

#include "app/admin_client.hpp"
#include "app/app.hpp"
#include "app/commands.hpp"
#include "app/explain.hpp"

#include "config/config_loader.hpp"
#include "config/spelling.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tiercel;

std::optional<std::string> variable(std::string_view name)
{
    const char* const value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int run(std::string file, app::console io)
{
    if (file.empty()) {
        const auto usual = app::usual_file();
        if (!usual) {
            io.err << "tiercel: neither conf/quickstart.yaml nor /etc/tiercel/tiercel.yaml is there; name a file with -c\n";
            return app::bad_usage;
        }
        file = *usual;
    }
    const auto what = app::load_or_complain(file, variable, io);
    return what ? app::run(*what) : static_cast<int>(app::bad_usage);
}

// Where the instance with that configuration is. A token that was given stays.
bool take_place(app::admin_place& admin, const std::string& file, app::console io)
{
    const auto what = app::load_or_complain(file, variable, io);
    if (!what) {
        return false;
    }
    auto found = app::place_in(*what);
    if (!found.problem.empty()) {
        io.err << "tiercel: " << file << ": " << found.problem << '\n';
        return false;
    }
    admin.url = std::move(found.place.url);
    if (admin.token.empty()) {
        admin.token = std::move(found.place.token);
    }
    return true;
}

// What to say about arguments that make no sense. The library calls a misspelt command a missing one.
std::string complaint(const CLI::App& program, int argc, char** argv, const CLI::ParseError& e)
{
    const std::string_view first = argc > 1 ? argv[1] : "";
    std::vector<std::string_view> names;
    for (const auto* command : program.get_subcommands(nullptr)) {
        names.push_back(command->get_name());
    }
    if (first.empty() || first.starts_with('-') || std::find(names.begin(), names.end(), first) != names.end()) {
        return e.what();
    }
    const auto near = config::nearest_name(first, names);
    return "there is no command " + std::string(first) + (near.empty() ? "" : "; did you mean " + std::string(near) + "?");
}

int command_line(int argc, char** argv)
{
    const app::console io{std::cout, std::cerr};
    CLI::App program("A caching reverse proxy for HTTP: answers from memory and from Redis, and asks the origin as rarely as it may.", "tiercel");
    program.set_version_flag("--version", "tiercel " TIERCEL_VERSION);
    program.require_subcommand(1);
    program.footer("Exit codes: 0 all is well, 1 a failure at run time, 2 bad usage or configuration.\n"
                   "tiercel config --reference prints every configuration key with its default and meaning.");

    std::string file;
    auto* const run_command = program.add_subcommand("run", "Serve. SIGTERM and SIGINT end it when the requests under way are answered.");
    run_command->add_option("-c,--config", file, "Configuration; without it conf/quickstart.yaml, then /etc/tiercel/tiercel.yaml")->type_name("FILE");

    auto* const check_command = program.add_subcommand("check", "Find all mistakes in a configuration, each with its place.");
    check_command->add_option("FILE", file, "Configuration")->required()->type_name("");

    bool reference = false;
    auto* const config_command = program.add_subcommand("config", "Print every key with its value and where it comes from, secrets left out.");
    auto* const config_file = config_command->add_option("FILE", file, "Configuration")->type_name("");
    config_command->add_flag("--reference", reference, "Print a file with every key, its default and its meaning instead")->excludes(config_file);

    app::question question;
    auto* const explain_command =
        program.add_subcommand("explain", "Tell what would happen to a request: tenant, route, key and every decision.");
    explain_command->add_option("-c,--config", file, "Configuration")->required()->type_name("FILE");
    explain_command->add_option("METHOD", question.method, "GET, POST, …")->required()->type_name("");
    explain_command->add_option("URL", question.url, "http://host/path?query, or a path with a Host field")->required()->type_name("");
    explain_command->add_option("-H,--header", question.fields, "A field of the request; may be repeated")
        ->type_name("'NAME: VALUE'")->allow_extra_args(false);
    explain_command->add_option("-a,--answer", question.answer, "A field of an answer of the origin that is judged, too; may be repeated")
        ->type_name("'NAME: VALUE'")->allow_extra_args(false);
    explain_command->add_option("-s,--status", question.status, "Its status; 200 unless given")->type_name("CODE")->check(CLI::Range(100, 999));
    explain_command->add_option("--from", question.from, "Address of the peer that sends it")->type_name("ADDRESS")->capture_default_str();

    app::admin_place admin;
    const auto add_admin_options = [&admin, &file](CLI::App* command) {
        auto* const url = command->add_option("--admin", admin.url, "The admin API of an instance")->type_name("URL")->capture_default_str();
        command->add_option("-c,--config", file, "Its configuration, instead of --admin: names the address and a token")
            ->type_name("FILE")->excludes(url);
        command->add_option("--token", admin.token, "Its bearer token; TIERCEL_ADMIN_TOKEN unless given")->type_name("TOKEN")
            ->envname("TIERCEL_ADMIN_TOKEN");
        command->add_flag("--json", admin.json, "Print the answer as it came");
    };
    app::purge_request purge;
    auto* const purge_command = program.add_subcommand("purge", "Invalidate stored answers on all instances.");
    add_admin_options(purge_command);
    purge_command->add_option("SCOPE", purge.scopes, "A URL, or KIND:NAME: tag:red, prefix:host/path/, host:name, entity:type/id, "
                                                        "entity_list:type, tenant, all")
        ->required()->type_name("");
    purge_command->add_option("--tenant", purge.tenant, "Whose answers; the default tenant unless given")->type_name("NAME");
    purge_command->add_option("--reason", purge.reason, "For the audit")->type_name("TEXT");
    purge_command->add_flag("--hard", purge.hard, "Gone, instead of expired");
    purge_command->add_flag("--wait", purge.wait, "Until every live instance has applied it");
    purge_command->add_option("--timeout", purge.timeout, "How long to wait")->type_name("TIME")->capture_default_str();

    std::vector<std::string> letters;
    auto* const dlq_command = program.add_subcommand("dlq", "Look at events that could not be carried out, replay or drop them.");
    dlq_command->require_subcommand(1);
    auto* const dlq_list = dlq_command->add_subcommand("list", "The newest first.");
    auto* const dlq_replay = dlq_command->add_subcommand("replay", "Try again.");
    auto* const dlq_drop = dlq_command->add_subcommand("drop", "Forget.");
    for (auto* const command : {dlq_list, dlq_replay, dlq_drop}) {
        add_admin_options(command);
    }
    for (auto* const command : {dlq_replay, dlq_drop}) {
        command->add_option("ID", letters, "As listed")->required()->type_name("");
    }

    std::string origin_name;
    std::string breaker_state;
    std::string endpoint;
    auto* const origins_command = program.add_subcommand("origins", "Show each endpoint with its breaker, or hold breakers open or closed.");
    add_admin_options(origins_command);
    auto* const origin_option = origins_command->add_option("ORIGIN", origin_name, "Whose breakers to hold, or to let go")->type_name("");
    auto* const state_option = origins_command->add_option("STATE", breaker_state, "open, closed, or auto: as the breaker itself judges")
        ->type_name("")->check(CLI::IsMember({"open", "closed", "auto"}));
    origin_option->needs(state_option);
    origins_command->add_option("--endpoint", endpoint, "Of that endpoint alone")->type_name("URL")->needs(origin_option);

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) {
            return program.exit(e);   // help or version
        }
        std::cerr << "tiercel: " << complaint(program, argc, argv, e) << " (--help tells more)\n";
        return app::bad_usage;
    }

    if (run_command->parsed()) {
        return run(file, io);
    }
    if (check_command->parsed()) {
        return app::check(file, variable, io);
    }
    if (config_command->parsed()) {
        if (!reference && file.empty()) {
            std::cerr << "tiercel: config needs a FILE or --reference\n";
            return app::bad_usage;
        }
        return reference ? app::show_reference(io) : app::show_config(file, variable, io);
    }
    const bool asks_an_instance = purge_command->parsed() || dlq_command->parsed() || origins_command->parsed();
    if (asks_an_instance && !file.empty() && !take_place(admin, file, io)) {
        return app::bad_usage;
    }
    if (origins_command->parsed()) {
        return origin_name.empty() ? app::list_origins(admin, io) : app::hold_breaker(admin, origin_name, endpoint, breaker_state, io);
    }
    if (purge_command->parsed()) {
        return app::purge(admin, purge, io);
    }
    if (dlq_command->parsed()) {
        return dlq_list->parsed()     ? app::list_dead_letters(admin, io)
               : dlq_replay->parsed() ? app::replay_dead_letters(admin, letters, io)
                                      : app::drop_dead_letters(admin, letters, io);
    }
    const auto what = app::load_or_complain(file, variable, io);
    return what ? app::explain(*what, question, io) : app::bad_usage;
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        return command_line(argc, argv);
    } catch (const std::exception& e) {
        std::cerr << "tiercel: " << e.what() << '\n';
        return app::failed;
    }
}
