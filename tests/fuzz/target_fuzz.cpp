// Request targets: the first line of the input is the target, the second one Host (if there is none, a plain one). What is not
// refused has the form that the header promises, means what the target meant, and stays as it is when done again.

#include <tiercel/check.hpp>

#include "http/query_rules.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tiercel;

request_head head_of(std::string_view target, const field& host, method verb)
{
    request_head h;
    h.verb = verb;
    h.target = target;
    h.fields = {&host, 1};
    h.present = std::uint64_t{1} << static_cast<unsigned>(header::host);
    return h;
}

int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// All escapes decoded. A decoded character gets a mark, unless it is unreserved, since "%2F" is not "/".
std::string meaning(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        TIERCEL_CHECK(i + 2 < text.size());
        const char c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
        const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                (c != '\0' && std::string_view("-._~").find(c) != std::string_view::npos);
        if (!unreserved) {
            out.push_back('\1');
        }
        out.push_back(c);
        i += 2;
    }
    return out;
}

void check_characters(std::string_view text)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        TIERCEL_CHECK(text[i] > 0x20 && text[i] < 0x7f && text[i] != '#' && text[i] != '\\' && text[i] != '"');
        if (text[i] == '%') {
            TIERCEL_CHECK(i + 2 < text.size());
            for (const char c : text.substr(i + 1, 2)) {
                TIERCEL_CHECK((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
            }
        }
    }
}

void check_path(std::string_view path, method verb)
{
    if (path == "*") {
        TIERCEL_CHECK(verb == method::options);
        return;
    }
    TIERCEL_CHECK(path.starts_with('/'));
    TIERCEL_CHECK(path.find('?') == std::string_view::npos);
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        TIERCEL_CHECK(segment != "." && segment != "..");
        path.remove_prefix(segment.size());
    }
}

void check_host(std::string_view host)
{
    TIERCEL_CHECK(!host.empty() && !host.ends_with('.') && !host.ends_with(':') && !host.ends_with(":80"));
    for (const char c : host) {
        TIERCEL_CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-._:[]").find(c) != std::string_view::npos);
    }
}

std::vector<std::string> parameters(std::string_view query)
{
    std::vector<std::string> out;
    for (std::size_t at = 0; at != std::string_view::npos;) {
        const std::size_t next = query.find('&', at);
        out.emplace_back(query.substr(at, next == std::string_view::npos ? next : next - at));
        at = next == std::string_view::npos ? next : next + 1;
    }
    std::sort(out.begin(), out.end());
    return out;
}

void check_sorting(std::string_view query)
{
    bool has_query = true;
    query_scratch scratch;
    query_scratch again;
    const std::string_view sorted = apply({}, query, has_query, scratch);
    TIERCEL_CHECK(has_query);
    TIERCEL_CHECK(parameters(sorted) == parameters(query));
    TIERCEL_CHECK(apply({}, sorted, has_query, again).data() == sorted.data());
}

void check(std::string_view target, std::string_view host_text, method verb)
{
    const field host{"Host", host_text, header::host};
    std::string scratch = "left over";
    const auto t = canonicalise_target(head_of(target, host, verb), scratch);
    if (!t) {
        return;
    }
    check_characters(t->path);
    check_characters(t->query);
    check_path(t->path, verb);
    if (t->scheme != "https") {
        check_host(t->host);
    }
    TIERCEL_CHECK(t->has_query || t->query.empty());

    const std::string full = std::string(t->path) + (t->has_query ? "?" : "") + std::string(t->query);
    if (!t->absolute_form) {
        TIERCEL_CHECK(meaning(full) == meaning(target));
    }
    if (t->scheme != "https") {
        const std::string kept(t->host);
        const field same{"Host", kept, header::host};
        std::string other;
        const auto again = canonicalise_target(head_of(full, same, verb), other);
        TIERCEL_CHECK(again.has_value());
        TIERCEL_CHECK(again->host == kept && again->path == t->path && again->query == t->query && again->has_query == t->has_query);
        TIERCEL_CHECK(other.empty());   // nothing was left to rewrite
    }
    if (t->has_query) {
        check_sorting(t->query);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view host = end < bytes.size() ? bytes.substr(end + 1) : std::string_view("example.com");
    check(bytes.substr(0, end), host, method::get);
    check(bytes.substr(0, end), host, method::options);
    return 0;
}
