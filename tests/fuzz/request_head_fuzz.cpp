// Heads of requests from anybody. What our parser takes, Beast's takes too, and sees the same in it: method, target, version and
// fields. So nothing is accepted here that a second opinion refuses, and nobody behind us can read a head differently. And
// however the bytes are cut into reads, the answer is the same.

#include <tiercel/check.hpp>

#include "http/head_parser.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace tiercel;
namespace http = boost::beast::http;

constexpr head_limits limits{};
using fields = std::vector<std::pair<std::string, std::string>>;

struct head {
    std::string verb, target;
    int minor = 0;
    fields lines;

    friend bool operator==(const head&, const head&) = default;
};

struct answer {
    std::optional<errc> error;
    std::size_t length = 0;
    head seen;

    friend bool operator==(const answer&, const answer&) = default;
};

head copy_of(const request_head& h)
{
    head out{std::string(h.verb_text), std::string(h.target), h.minor_version, {}};
    for (const field& f : h.fields) {
        out.lines.emplace_back(f.name, f.value);
    }
    return out;
}

// Reads of `step` bytes, each time with all that has come so far, in a place of its own.
answer parse(std::string_view bytes, std::size_t step)
{
    request_head_parser parser(limits);
    std::unique_ptr<char[]> memory;
    for (std::size_t end = std::min(step, bytes.size());; end = std::min(end + step, bytes.size())) {
        auto moved = std::make_unique<char[]>(end);
        std::copy_n(bytes.begin(), end, moved.get());
        memory = std::move(moved);
        const auto r = parser.parse(std::string_view(memory.get(), end));
        if (!r) {
            return {errc_of(r.error()), 0, {}};
        }
        if (*r != 0) {
            return {std::nullopt, *r, copy_of(parser.head())};
        }
        if (end == bytes.size()) {
            return {};
        }
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view s)
{
    while (!s.empty() && is_blank(s.front())) {
        s.remove_prefix(1);
    }
    while (!s.empty() && is_blank(s.back())) {
        s.remove_suffix(1);
    }
    return s;
}

std::string lower(std::string s)
{
    for (char& c : s) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return s;
}

// Beast keeps lines of one name together, in whatever case; order within a name is what counts.
fields by_name(fields lines)
{
    std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return lower(a.first) < lower(b.first); });
    return lines;
}

// Beast judges the values of these while it reads them. Here http/framing and http/forwarding do that, so they are shown to it
// under another name.
bool is_judged_elsewhere(header h)
{
    return h == header::connection || h == header::content_length || h == header::proxy_connection || h == header::transfer_encoding ||
           h == header::upgrade;
}

void compare_with_beast(std::string bytes)
{
    request_head_parser ours(limits);
    TIERCEL_CHECK(ours.parse(bytes).has_value());
    for (const field& f : ours.head().fields) {
        if (is_judged_elsewhere(f.id)) {
            bytes[static_cast<std::size_t>(f.name.data() - bytes.data())] = 'x';   // ours are views: they show it too
        }
    }
    http::request_parser<http::empty_body> parser;
    parser.header_limit(1024 * 1024);
    parser.skip(true);
    boost::beast::error_code ec;
    parser.put(boost::asio::buffer(bytes), ec);
    TIERCEL_CHECK(!ec);
    TIERCEL_CHECK(parser.is_header_done());
    const auto& m = parser.get();
    head theirs{std::string(m.method_string()), std::string(m.target()), static_cast<int>(m.version()) - 10, {}};
    for (const auto& f : m) {
        theirs.lines.emplace_back(f.name_string(), trim(std::string_view(f.value().data(), f.value().size())));
    }
    head seen = copy_of(ours.head());
    theirs.lines = by_name(std::move(theirs.lines));
    seen.lines = by_name(std::move(seen.lines));
    TIERCEL_CHECK(theirs == seen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const answer whole = parse(bytes, std::max<std::size_t>(size, 1));
    TIERCEL_CHECK(parse(bytes, size % 7 + 1) == whole);
    TIERCEL_CHECK(parse(bytes, size / 2 + 1) == whole);
    if (whole.length == 0) {
        return 0;
    }
    std::string_view taken = bytes.substr(0, whole.length);
    if (taken.starts_with("\r\n")) {
        taken.remove_prefix(2);   // Beast does not skip it
    }
    std::string known(taken);
    const std::size_t version = known.find("HTTP/1.", known.find("\r\n") - 8);
    if (known[version + 7] > '1') {
        known[version + 7] = '1';   // a higher minor version, which Beast does not know
    }
    compare_with_beast(std::move(known));
    return 0;
}
