#include "flow/keying.hpp"

#include "flow/context.hpp"
#include "flow/variants.hpp"
#include "http/cookies.hpp"

#include <openssl/sha.h>

#include <array>

namespace tiercel::flow {
namespace {

constexpr std::string_view mark_of_more = ";";   // begins no value of a cookie

// A digest, since there may be secrets among the cookies, and keys are shown; one that nobody can find a twin for.
std::string digest_of_cookies(const request_head& head)
{
    std::string all;
    for (const field& f : head.fields) {
        if (f.id == header::cookie) {
            all.append(f.value).append("\n");
        }
    }
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : digest) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

void append_cookie(std::string& key, const request& rq, const std::string& name)
{
    const named_cookie found = find_cookie(rq.head, name);
    std::string value;
    switch (found.sense) {
    case cookie_sense::absent: break;
    case cookie_sense::one: value = found.pairs.substr(name.size() + 1); break;
    case cookie_sense::several: value.append(mark_of_more).append(found.pairs); break;
    case cookie_sense::doubtful: value.append(mark_of_more).append(digest_of_cookies(rq.head)); break;
    }
    append_secondary(key, "cookie " + name, value, found.sense != cookie_sense::absent);
}

// What the route adds to the key: values of named fields, as the origin gets them, and cookies. What a client claims about itself
// in a field that is written anew must not get into the key: the answer would be made for another value than it is stored under.
void append_route_parts(std::string& key, const request& rq, const process_context& p)
{
    for (const std::string& name : rq.route->key.headers) {
        const auto value = keyed_value_of(rq, name, p);
        append_secondary(key, name, value ? std::string_view(*value) : std::string_view(), value.has_value());
    }
    for (const std::string& name : rq.route->key.cookies) {
        append_cookie(key, rq, name);
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
