#include "origin/pages.hpp"

#include "origin/content.hpp"

#include <algorithm>
#include <ctime>
#include <optional>

namespace tiercel::sample_origin {
namespace {

constexpr std::uint64_t largest_body = 4ull << 30;

std::string quoted_tag(std::string_view tag)
{
    if (tag.starts_with('"') || tag.starts_with("W/")) { return std::string(tag); }
    return "\"" + std::string(tag) + "\"";
}

std::string_view field_of(const reply& r, std::string_view name)
{
    for (const auto& [n, value] : r.fields) {
        if (equal_names(n, name)) { return value; }
    }
    return {};
}

bool lists_tag(std::string_view list, std::string_view tag)
{
    const auto weak = [](std::string_view t) { return t.starts_with("W/") ? t.substr(2) : t; };
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        std::string_view member = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        while (member.starts_with(' ')) { member.remove_prefix(1); }
        while (member.ends_with(' ')) { member.remove_suffix(1); }
        if (member == "*" || weak(member) == weak(tag)) { return true; }
    }
    return false;
}

// The line that the page repeats from the request, if it is to.
std::optional<std::string> echo_of(const request& r)
{
    const auto name = r.parameter("echo");
    if (!name) { return std::nullopt; }
    return std::string(r.header(*name).value_or("")) + "\n";
}

std::string page_body(const request& r, std::uint64_t count)
{
    if (r.method == "POST" || r.method == "PUT" || r.method == "PATCH") { return r.body; }
    if (r.parameter("serial")) { return std::to_string(count); }
    if (r.parameter("clock")) { return std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()); }
    if (const auto text = r.parameter("body")) { return std::string(*text); }
    const auto version = r.parameter("v");
    const std::string name = version ? r.path + "#" + std::string(*version) : r.path;
    return echo_of(r).value_or("") + content(name, std::min(r.number("size", 100), largest_body));
}

void add_fields(const request& r, reply& out)
{
    if (const auto cc = r.parameter("cc")) {
        out.set("Cache-Control", std::string(*cc));
    } else if (const auto ttl = r.parameter("ttl")) {
        out.set("Cache-Control", "max-age=" + std::string(*ttl));
    }
    if (const auto tag = r.parameter("etag")) { out.set("ETag", quoted_tag(*tag)); }
    if (r.parameter("modified")) {
        out.set("Last-Modified", http_date(seconds_now() - static_cast<std::int64_t>(r.number("modified", 0))));
    }
    if (r.parameter("expires")) {
        out.set("Expires", http_date(seconds_now() + static_cast<std::int64_t>(r.number("expires", 0))));
    }
    if (const auto vary = r.parameter("vary")) { out.set("Vary", std::string(*vary)); }
    if (const auto age = r.parameter("age")) { out.set("Age", std::string(*age)); }
    if (const auto echo = echo_of(r)) { out.set("X-Echo", echo->substr(0, echo->size() - 1)); }
    for (const auto& [name, value] : r.query) {
        const std::size_t colon = value.find(':');
        if (name == "h" && colon != std::string::npos) { out.set(value.substr(0, colon), value.substr(colon + 1)); }
    }
}

}  // namespace

std::int64_t seconds_now()
{
    return std::time(nullptr);
}

std::string http_date(std::int64_t seconds_since_1970)
{
    const std::time_t t = seconds_since_1970;
    std::tm parts{};
    ::gmtime_r(&t, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

reply make_text(int status, std::string_view type, std::string body)
{
    reply out;
    out.status = status;
    out.body = std::move(body);
    out.set("Content-Type", std::string(type));
    return out;
}

reply make_object(const request& r, bool cacheable)
{
    const std::string_view rest = std::string_view(r.path).substr(3);
    const auto size = parse_number(rest.substr(0, rest.find('/')));
    if (!size || *size > largest_body) { return make_text(404, "text/plain", "no such size\n"); }
    reply out = make_text(200, "application/octet-stream", content(r.path, *size));
    if (cacheable) {
        out.set("ETag", "\"b-1\"");
        out.set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT");
        out.set("Cache-Control", "public, max-age=86400");
        apply_conditions(r, out);
    } else {
        out.set("Cache-Control", "no-store");
    }
    return out;
}

reply make_page(const request& r, std::uint64_t count)
{
    const bool fails = count <= r.number("fail", 0);
    const auto fail_status = static_cast<int>(r.number("fail_as", 503));
    const auto status = fails ? fail_status : static_cast<int>(r.number("status", 200));
    std::string body = fails ? "failed on demand\n" : page_body(r, count);
    reply out = make_text(status, r.parameter("type").value_or("text/plain"), std::move(body));
    if (!fails) {
        add_fields(r, out);
        apply_conditions(r, out);
    }
    const std::string_view te = r.parameter("te").value_or("");
    out.framed = te == "chunked" ? framing::chunked : te == "close" ? framing::until_close : framing::length;
    out.trailer = r.parameter("trailer").value_or("");
    out.early_hints = r.parameter("early").has_value();
    out.close = r.parameter("close").has_value() || out.framed == framing::until_close;
    out.delay = r.duration("delay");
    out.pause = r.duration("pause");
    out.piece = r.number("piece", out.pause.count() > 0 ? 100 : 0);
    return out;
}

void apply_conditions(const request& r, reply& out)
{
    if (out.status != 200 || (r.method != "GET" && r.method != "HEAD")) { return; }
    const std::string_view tag = field_of(out, "ETag");
    const std::string_view modified = field_of(out, "Last-Modified");
    const auto tags = r.header("If-None-Match");
    const bool unchanged = tags ? !tag.empty() && lists_tag(*tags, tag)
                                : !modified.empty() && r.header("If-Modified-Since") == modified;
    if (unchanged) {
        out.status = 304;
        out.body.clear();
    }
}

std::string head_text(const reply& r)
{
    std::string out = "HTTP/1.1 " + std::to_string(r.status) + (r.status == 200 ? " OK\r\n" : " \r\n");
    if (field_of(r, "Date").empty()) { out += "Date: " + http_date(seconds_now()) + "\r\n"; }
    for (const auto& [name, value] : r.fields) { out += name + ": " + value + "\r\n"; }
    const bool bodiless = r.status < 200 || r.status == 204 || r.status == 304;
    if (r.close) { out += "Connection: close\r\n"; }
    if (!bodiless && r.framed == framing::chunked) { out += "Transfer-Encoding: chunked\r\n"; }
    if (!bodiless && r.framed == framing::length) { out += "Content-Length: " + std::to_string(r.body.size()) + "\r\n"; }
    return out + "\r\n";
}

}  // namespace tiercel::sample_origin
