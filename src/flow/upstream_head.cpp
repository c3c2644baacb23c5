#include "flow/upstream_head.hpp"

#include "http/field_line.hpp"
#include "http/forwarding.hpp"
#include "http/vary.hpp"
#include "rules/merge.hpp"

#include <algorithm>
#include <charconv>

namespace tiercel::flow {
namespace {

// What a trusted proxy says about its client is kept and extended, anybody else's word is replaced.
std::string client_addresses(const request& rq)
{
    std::string addresses;
    if (rq.from->trusted) {
        for (const field& f : rq.head.fields) {
            if (f.id == header::x_forwarded_for && !f.value.empty()) {
                addresses.append(f.value).append(", ");
            }
        }
    }
    return addresses.append(rq.from->address);
}

std::string_view own_via(const request& rq) { return rq.head.minor_version == 0 ? "1.0 tiercel" : "1.1 tiercel"; }

void add_forwarding(std::string& out, const request& rq)
{
    append_field_line(out, "X-Forwarded-For", client_addresses(rq));
    append_field_line(out, "X-Forwarded-Proto", rq.scheme);
    for (const field& f : rq.head.fields) {
        if (f.id == header::via) {
            append_field_line(out, "Via", f.value);
        }
    }
    append_field_line(out, "Via", own_via(rq));
    append_field_line(out, "X-Request-ID", rq.id);
}

void add_framing(std::string& out, const framing& content)
{
    if (content.kind == framing_kind::chunked) {
        append_field_line(out, "Transfer-Encoding", "chunked");
    } else if (content.kind == framing_kind::length) {
        char digits[24];
        const auto end = std::to_chars(digits, digits + sizeof digits, content.length).ptr;
        append_field_line(out, "Content-Length", std::string_view(digits, static_cast<std::size_t>(end - digits)));
    }
}

}  // namespace

bool is_client_condition(header h) noexcept
{
    switch (h) {
    case header::if_match:
    case header::if_modified_since:
    case header::if_none_match:
    case header::if_range:
    case header::if_unmodified_since:
    case header::range: return true;
    default: return false;
    }
}

bool is_written_by_us(header h) noexcept
{
    switch (h) {
    case header::host:
    case header::content_length:
    case header::transfer_encoding:
    case header::expect:              // answered by us
    case header::forwarded:
    case header::x_forwarded_for:
    case header::x_forwarded_host:
    case header::x_forwarded_proto:
    case header::x_request_id:
    case header::via: return true;
    default: return false;
    }
}

std::optional<std::string> written_value(const request& rq, header h)
{
    switch (h) {
    case header::x_forwarded_for: return client_addresses(rq);
    case header::x_forwarded_proto: return std::string(rq.scheme);
    case header::x_request_id: return std::string(rq.id);
    case header::via: {
        std::string all;
        for (const field& f : rq.head.fields) {
            if (f.id == header::via) {
                all.append(f.value).append(",");
            }
        }
        return all.append(own_via(rq));
    }
    default: return std::nullopt;
    }
}

std::string_view why_never_selects(std::string_view name) noexcept
{
    const header h = header_of(name);
    if (is_client_condition(h)) {
        return "is applied to what is stored, and selects nothing";
    }
    if (is_hop_by_hop(h)) {
        return "belongs to one connection: the origin never gets it";
    }
    switch (h) {
    case header::content_length:
    case header::expect: return "is about the message, and not about what it asks for";
    case header::forwarded:
    case header::x_forwarded_host: return "is never passed on, so that no answer can depend on it";
    default: break;
    }
    return h == header::other && is_unkeyed_influence(name) ? "is never passed on, so that no answer can depend on it" : std::string_view();
}

std::string upstream_head(const request& rq, const routing::tenancy& tenants, purpose why)
{
    std::string out;
    out.reserve(rq.raw.size() + 256);
    out.append(rq.head.verb_text).append(" ").append(rq.target.path);
    if (rq.has_query) {
        out.append("?").append(rq.query);
    }
    out.append(" HTTP/1.1\r\n");
    append_field_line(out, "Host", rq.target.host);

    const bool cached = rq.route->mode == routing::route_mode::cache;
    const connection_options named(rq.head);
    const std::optional<std::uint64_t> hops = hops_left(rq.head);
    const std::vector<std::string>& languages = rq.route->caching.vary_languages;
    for (const field& f : rq.head.fields) {
        if (is_written_by_us(f.id) || is_hop_by_hop(f.id) || named.strips(f) ||
            (f.id == header::other && is_unkeyed_influence(f.name)) ||
            tenants.is_tenant_header(f.name)) {
            continue;
        }
        if (why == purpose::fill && is_client_condition(f.id)) {
            continue;
        }
        if (cached && (f.id == header::accept_encoding || f.id == header::accept_language)) {
            continue;   // sent in the form that is keyed
        }
        if (hops && f.id == header::max_forwards) {
            continue;
        }
        append_field_line(out, f.name, f.value);
    }
    if (hops && *hops > 0) {
        append_field_line(out, "Max-Forwards", std::to_string(*hops - 1));
    }
    if (cached && rq.head.has(header::accept_encoding)) {
        append_field_line(out, "Accept-Encoding", reduced_accept_encoding(rq.head));
    }
    if (cached && rq.head.has(header::accept_language)) {
        if (const auto language = selecting_value(rq.head, "accept-language", languages); language && !language->empty()) {
            append_field_line(out, "Accept-Language", *language);
        }
    }
    if (!rq.tenant.empty() && !tenants.options().forward_header.empty()) {
        append_field_line(out, tenants.options().forward_header, rq.tenant);
    }
    if (why == purpose::alone && !rq.upgrade.empty()) {
        append_field_line(out, "Connection", "Upgrade");
        append_field_line(out, "Upgrade", rq.upgrade);
    }
    add_forwarding(out, rq);
    add_framing(out, rq.content);
    return out;
}

bool add_conditions(std::string& head, const entry& stored)
{
    const head_block block(stored.head());
    const std::string_view modified = block.head().first(header::last_modified);
    if (!stored.etag().empty()) {
        append_field_line(head, "If-None-Match", stored.etag());
    }
    if (!modified.empty()) {
        append_field_line(head, "If-Modified-Since", modified);
    }
    return !stored.etag().empty() || !modified.empty();
}

}  // namespace tiercel::flow
