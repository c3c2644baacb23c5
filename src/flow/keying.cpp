#include "flow/keying.hpp"

#include "flow/context.hpp"
#include "flow/variants.hpp"

#include <algorithm>

namespace tiercel::flow {

std::optional<std::string_view> cookie_of(const request_head& head, std::string_view name) noexcept
{
    for (const field& f : head.fields) {
        if (f.id != header::cookie) {
            continue;
        }
        std::string_view rest = f.value;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(';'), rest.size());
            std::string_view pair = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
            const std::size_t equals = pair.find('=');
            if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
                return pair.substr(equals + 1);
            }
        }
    }
    return std::nullopt;
}

namespace {

// What the route adds to the key: values of named fields, as the origin gets them, and cookies. What a client claims about itself
// in a field that is written anew must not get into the key: the answer would be made for another value than it is stored under.
void append_route_parts(std::string& key, const request& rq, const process_context& p)
{
    for (const std::string& name : rq.route->key.headers) {
        const auto value = selecting_value_of(rq, name, p);
        append_secondary(key, name, value ? std::string_view(*value) : std::string_view(), value.has_value());
    }
    for (const std::string& name : rq.route->key.cookies) {
        const auto value = cookie_of(rq.head, name);
        append_secondary(key, "cookie " + name, value.value_or(std::string_view()), value.has_value());
    }
}

}  // namespace

void make_key(request& rq, std::string& space, const process_context& p)
{
    space.clear();
    append_key(space, key_parts{rq.tenant, rq.scheme, rq.target.host, rq.target.path, rq.query, rq.has_query});
    const std::size_t own = space.size();
    append_route_parts(space, rq, p);
    rq.key = space;
    rq.resource = rq.key.substr(0, own);
    rq.hash = seeded_hash(rq.key, p.hash_seed);
}

}  // namespace tiercel::flow
