#include "config/config_doubts.hpp"

#include "config/config_loader.hpp"
#include "config/problems.hpp"
#include "config/value.hpp"

#include "async/listener.hpp"
#include "http/ascii.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace tiercel::config {
namespace {

// Keys that differ for about every request or client, or are told apart in a better way.
std::string_view doubt_about_key_header(header h) noexcept
{
    switch (h) {
    case header::host: return "is in every key already";
    case header::cookie: return "as a whole differs for about every client, so that hardly anybody meets a stored answer; key.cookies names some";
    case header::authorization:
        return "makes an answer for each credential, which is stored only if it says public, s-maxage or must-revalidate";
    case header::accept_encoding: return "has no need to be in the key: answers that depend on it say so (Vary), and are told apart by that";
    case header::user_agent:
    case header::x_forwarded_for:
    case header::via: return "differs for about every client, so that hardly anybody meets a stored answer";
    case header::x_request_id:
    case header::traceparent: return "differs for every request, so that nobody meets a stored answer";
    default: return {};
    }
}

class doubter {
public:
    doubter(const loaded& what, problem_list& doubts) : what_(what), c_(what.value), doubts_(doubts) {}

    void doubt()
    {
        doubt_files();
        doubt_caches();
        doubt_sources();
        for (const auto& [name, o] : c_.origins) {
            doubt_retries("origins." + name + ".retry", o.retry);
        }
        for (std::size_t i = 0; i < c_.routes.size(); ++i) {
            doubt_route("routes[" + std::to_string(i) + "]", c_.routes[i]);
        }
    }

private:
    void say(const std::string& key, std::string why) { doubts_.add(what_.place_of(key), key, std::move(why)); }
    bool is_set(const std::string& key) const { return what_.mentions.contains(key); }

    // Whether they can be written is known only when it is tried, and perhaps not on this machine.
    void doubt_files()
    {
        const std::pair<const char*, const std::string*> files[] = {{"log.file", &c_.log.file},
                                                                    {"log.access.file", &c_.log.access.file},
                                                                    {"invalidation.journal.path", &c_.invalidation.journal.path}};
        for (const auto& [key, file] : files) {
            doubt_folder_of(key, *file);
            std::error_code ec;
            if (std::filesystem::is_directory(*file, ec)) {
                say(key, *file + " is a folder on this machine");
            }
        }
        const auto doubt_socket = [&](const std::string& key, const std::string& address) {
            if (const auto where = async::parse_listen_address(address); where && where->is_unix()) {
                doubt_folder_of(key, where->unix_path);
            }
        };
        for (std::size_t i = 0; i < c_.server.listen.size(); ++i) {
            doubt_socket("server.listen[" + std::to_string(i) + "]", c_.server.listen[i].address);
        }
        doubt_socket("admin.listen", c_.admin.listen);
    }

    void doubt_folder_of(const std::string& key, const std::string& file)
    {
        const std::filesystem::path folder = std::filesystem::path(file).parent_path();
        std::error_code ec;
        if (!folder.empty() && !std::filesystem::is_directory(folder, ec)) {
            say(key, "there is no folder " + folder.string() + " on this machine, without which nothing starts");
        }
    }

    void doubt_caches()
    {
        if (c_.cache.l1.max_bytes == 0 && c_.cache.l2.kind == l2::kind::none) {
            say("cache.l1.max_bytes", "turns off the only tier, since cache.l2.kind is none: nothing is ever stored");
        }
        if (c_.invalidation.repeat_after.count() > 0 && c_.cache.l2.kind != l2::kind::redis) {
            say("invalidation.repeat_after", "has no effect, since cache.l2.kind is not redis: only what stands in the log is repeated");
        }
        if (c_.admin.listen.empty() && !c_.admin.tokens.empty()) {
            say("admin.tokens", "has no effect, since admin.listen is empty");
        }
    }

    void doubt_sources()
    {
        const auto& all = c_.invalidation.events.sources;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto serves = [&](const routing::route& r) { return r.origin == all[i].origin; };
            if (all[i].kind == events::source_kind::poll && std::any_of(c_.routes.begin(), c_.routes.end(), serves)) {
                say("invalidation.sources[" + std::to_string(i) + "].origin",
                    "serves routes, too: a feed that fails opens the breaker for their clients. An entry of its own under origins keeps the two apart");
            }
        }
    }

    void doubt_retries(const std::string& key, const resilience::retry_options& o)
    {
        for (const std::string& name : o.methods) {
            if (const method m = method_of(name); o.max != 0 && (m == method::post || m == method::patch)) {
                say(key + ".methods", name + " may be carried out twice, when an answer is lost");
            }
        }
    }

    void doubt_route(const std::string& key, const routing::route& r)
    {
        if (r.key.query.mode == query_mode::none && !r.key.query.drop.empty()) {
            say(key + ".key.drop", "has no effect beside query: none, which removes the whole query");
        }
        for (const std::string& name : r.key.headers) {
            if (const auto why = doubt_about_key_header(header_of(name)); !why.empty()) {
                say(key + ".key.headers", name + " " + std::string(why));
            } else if (is_tenant_field(name)) {
                say(key + ".key.headers", name + " names the tenant, which is in every key already");
            }
        }
        if (is_set(key + ".stampede.max_wait") && r.stampede.max_wait > r.deadline) {
            say(key + ".stampede.max_wait", "is more than the deadline of the route (" + write_time(r.deadline) + "), which ends the wait before");
        }
        if (is_set(key + ".ttl.default") && r.caching.ttl.default_ > r.caching.ttl.max) {
            say(key + ".ttl.default", "is more than ttl.max (" + write_time(r.caching.ttl.max) + "), which bounds it");
        }
    }

    bool is_tenant_field(std::string_view name) const
    {
        const auto& resolvers = c_.tenancy.resolvers;
        return equal_ignoring_case(name, c_.tenancy.forward_header) || std::any_of(resolvers.begin(), resolvers.end(), [&](const auto& r) {
                   return r.kind == routing::resolver_kind::header && equal_ignoring_case(name, r.name);
               });
    }

    const loaded& what_;
    const config& c_;
    problem_list& doubts_;
};

}  // namespace

void doubt_together(const loaded& what, problem_list& doubts) { doubter(what, doubts).doubt(); }

}  // namespace tiercel::config
