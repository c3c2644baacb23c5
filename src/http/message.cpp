#include <tiercel/check.hpp>

#include "http/ascii.hpp"
#include <tiercel/message.hpp>

#include <array>
#include <bit>
#include <cstring>

namespace tiercel {
namespace {

struct name_row {
    header id;
    std::string_view name;
};

// In the order of the enum.
constexpr std::array names{
    name_row{header::accept_encoding, "Accept-Encoding"},
    name_row{header::accept_language, "Accept-Language"},
    name_row{header::age, "Age"},
    name_row{header::authorization, "Authorization"},
    name_row{header::cache_control, "Cache-Control"},
    name_row{header::cache_groups, "Cache-Groups"},
    name_row{header::cache_status, "Cache-Status"},
    name_row{header::cache_tag, "Cache-Tag"},
    name_row{header::cdn_cache_control, "CDN-Cache-Control"},
    name_row{header::connection, "Connection"},
    name_row{header::content_encoding, "Content-Encoding"},
    name_row{header::content_length, "Content-Length"},
    name_row{header::content_location, "Content-Location"},
    name_row{header::content_range, "Content-Range"},
    name_row{header::content_type, "Content-Type"},
    name_row{header::cookie, "Cookie"},
    name_row{header::date, "Date"},
    name_row{header::etag, "ETag"},
    name_row{header::expect, "Expect"},
    name_row{header::expires, "Expires"},
    name_row{header::forwarded, "Forwarded"},
    name_row{header::host, "Host"},
    name_row{header::if_match, "If-Match"},
    name_row{header::if_modified_since, "If-Modified-Since"},
    name_row{header::if_none_match, "If-None-Match"},
    name_row{header::if_range, "If-Range"},
    name_row{header::if_unmodified_since, "If-Unmodified-Since"},
    name_row{header::keep_alive, "Keep-Alive"},
    name_row{header::last_modified, "Last-Modified"},
    name_row{header::location, "Location"},
    name_row{header::max_forwards, "Max-Forwards"},
    name_row{header::pragma, "Pragma"},
    name_row{header::proxy_authenticate, "Proxy-Authenticate"},
    name_row{header::proxy_authentication_info, "Proxy-Authentication-Info"},
    name_row{header::proxy_authorization, "Proxy-Authorization"},
    name_row{header::proxy_connection, "Proxy-Connection"},
    name_row{header::range, "Range"},
    name_row{header::retry_after, "Retry-After"},
    name_row{header::set_cookie, "Set-Cookie"},
    name_row{header::surrogate_key, "Surrogate-Key"},
    name_row{header::te, "TE"},
    name_row{header::traceparent, "traceparent"},
    name_row{header::trailer, "Trailer"},
    name_row{header::transfer_encoding, "Transfer-Encoding"},
    name_row{header::upgrade, "Upgrade"},
    name_row{header::user_agent, "User-Agent"},
    name_row{header::vary, "Vary"},
    name_row{header::via, "Via"},
    name_row{header::x_forwarded_for, "X-Forwarded-For"},
    name_row{header::x_forwarded_host, "X-Forwarded-Host"},
    name_row{header::x_forwarded_proto, "X-Forwarded-Proto"},
    name_row{header::x_request_id, "X-Request-ID"},
};
static_assert(names.size() == static_cast<std::size_t>(header::last_) - 1);

constexpr std::uint32_t bucket_count = 128;

// Length, first and last letter tell almost all known names apart; two neighbours per bucket are allowed.
constexpr std::uint32_t bucket_of(std::string_view name) noexcept
{
    const auto first = static_cast<std::uint32_t>(static_cast<unsigned char>(to_lower(name.front())));
    const auto last = static_cast<std::uint32_t>(static_cast<unsigned char>(to_lower(name.back())));
    return (static_cast<std::uint32_t>(name.size()) * 37 + first * 7 + last * 3) % bucket_count;
}

constexpr std::size_t depth = 4;
struct bucket {
    std::array<std::uint8_t, depth> rows{};   // index into names plus one; 0 ends
};

constexpr std::array<bucket, bucket_count> make_index()
{
    std::array<bucket, bucket_count> index{};
    for (std::size_t i = 0; i < names.size(); ++i) {
        bucket& b = index[bucket_of(names[i].name)];
        std::size_t at = 0;
        while (b.rows[at] != 0) {
            ++at;   // out of range here is a compile error: the table needs more buckets or depth
        }
        b.rows[at] = static_cast<std::uint8_t>(i + 1);
    }
    return index;
}

constexpr auto index_of_names = make_index();

// Known names in lower case, padded, so that they are compared by words and not by letters.
static_assert(std::endian::native == std::endian::little, "spells() takes the first letter for the lowest byte");
constexpr std::size_t word = sizeof(std::uint64_t);
constexpr std::size_t longest_name = 32;
using padded_name = std::array<char, longest_name>;

constexpr std::array<padded_name, names.size()> make_lower_names()
{
    std::array<padded_name, names.size()> out{};
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (std::size_t at = 0; at < names[i].name.size(); ++at) {
            out[i].at(at) = to_lower(names[i].name[at]);
        }
    }
    return out;
}

constexpr auto lower_names = make_lower_names();

std::uint64_t load(const char* from, std::size_t n) noexcept
{
    std::uint64_t w = 0;
    std::memcpy(&w, from, n);
    return w;
}

// Does `name` spell the known one, in any case of letters? In a token no two bytes but the cases of a letter are the same with
// bit 5 set, where the other is a letter, a digit or '-' (RFC 9110 §5.6.2).
bool spells(std::string_view name, const padded_name& known) noexcept
{
    constexpr std::uint64_t bit5 = 0x2020202020202020;
    std::size_t at = 0;
    for (; name.size() - at >= word; at += word) {
        if ((load(name.data() + at, word) | bit5) != load(known.data() + at, word)) {
            return false;
        }
    }
    const std::size_t rest = name.size() - at;
    if (rest == 0) {
        return true;
    }
    const std::uint64_t mask = ~std::uint64_t{0} >> (8 * (word - rest));
    std::uint64_t tail = 0;
    if (at > 0) {   // the word that ends with the name
        tail = load(name.data() + name.size() - word, word) >> (8 * (word - rest));
    } else {
        for (std::size_t i = 0; i < rest; ++i) {
            tail |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
        }
    }
    return (tail | (bit5 & mask)) == (load(known.data() + at, word) & mask);
}

}  // namespace

header header_of(std::string_view name) noexcept
{
    if (name.empty()) {
        return header::other;
    }
    for (const std::uint8_t row : index_of_names[bucket_of(name)].rows) {
        if (row == 0) {
            break;
        }
        const std::size_t at = row - 1u;
        if (names[at].name.size() == name.size() && spells(name, lower_names[at])) {
            return names[at].id;
        }
    }
    return header::other;
}

std::string_view name_of(header h) noexcept
{
    const auto at = static_cast<std::size_t>(h) - 1;
    TIERCEL_CHECK(at < names.size() && names[at].id == h);
    return names[at].name;
}

method method_of(std::string_view text) noexcept
{
    switch (text.size()) {
    case 3: return text == "GET" ? method::get : text == "PUT" ? method::put : method::other;
    case 4: return text == "HEAD" ? method::head : text == "POST" ? method::post : method::other;
    case 5: return text == "TRACE" ? method::trace : text == "PATCH" ? method::patch : method::other;
    case 6: return text == "DELETE" ? method::delete_ : method::other;
    case 7: return text == "OPTIONS" ? method::options : text == "CONNECT" ? method::connect : method::other;
    default: return method::other;
    }
}

bool is_safe(method m) noexcept
{
    return m == method::get || m == method::head || m == method::options || m == method::trace;
}

bool is_idempotent(method m) noexcept
{
    return is_safe(m) || m == method::put || m == method::delete_;
}

std::string_view message_head::first(header h) const noexcept
{
    if (has(h)) {
        for (const field& f : fields) {
            if (f.id == h) {
                return f.value;
            }
        }
    }
    return {};
}

std::size_t message_head::count(header h) const noexcept
{
    std::size_t n = 0;
    if (has(h)) {
        for (const field& f : fields) {
            n += f.id == h ? 1 : 0;
        }
    }
    return n;
}

}  // namespace tiercel
