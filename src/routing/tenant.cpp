#include "routing/tenant.hpp"

#include "http/ascii.hpp"
#include "routing/quoted.hpp"
#include "routing/host_pattern.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace tiercel {

tenant_id tenant_factory::rebind(const tenant_id& who, std::string_view storage) noexcept
{
    TIERCEL_CHECK(who.view() == storage);
    return tenant_id(storage);
}

namespace routing {
namespace {

constexpr std::string_view placeholder = "{tenant}";
constexpr std::size_t longest_name = 128;

// Letters and digits alike, and any other character for any other: as environments in the CGI tradition see field names.
bool are_twins(std::string_view a, std::string_view b) noexcept
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return is_alnum(x) ? to_lower(x) == to_lower(y) : !is_alnum(y); });
}

// The pattern around its one {tenant}.
struct split_pattern {
    std::string_view before;
    std::string_view after;
};

std::optional<split_pattern> split(std::string_view pattern) noexcept
{
    const auto at = pattern.find(placeholder);
    if (at == pattern.npos) {
        return std::nullopt;
    }
    const split_pattern parts{pattern.substr(0, at), pattern.substr(at + placeholder.size())};
    const bool brace_left = parts.before.find_first_of("{}") != parts.before.npos ||
                            parts.after.find_first_of("{}") != parts.after.npos;
    return brace_left ? std::nullopt : std::optional(parts);
}

std::optional<std::string> problem_of_split(std::string_view pattern)
{
    return split(pattern) ? std::nullopt : std::optional("pattern " + quoted(pattern) + " needs {tenant} exactly once");
}

// ---- none ------------------------------------------------------------------------------------------------------------

class none_resolver final : public tenant_resolver {
public:
    explicit none_resolver(const resolver_options&) {}
    tenant_claim claim(const tenant_question&) const noexcept override { return {tenant_claim::kind::everyone, {}}; }

    static std::optional<std::string> problem(const resolver_options&) { return std::nullopt; }
};

// ---- header ----------------------------------------------------------------------------------------------------------

// Names that frame or route the message, or that we write ourselves: no place for a tenant.
bool is_reserved_header(std::string_view name) noexcept
{
    switch (header_of(name)) {
        case header::authorization:
        case header::connection:
        case header::content_length:
        case header::cookie:
        case header::expect:
        case header::forwarded:
        case header::host:
        case header::keep_alive:
        case header::proxy_connection:
        case header::te:
        case header::trailer:
        case header::transfer_encoding:
        case header::upgrade:
        case header::via: return true;
        default: return false;
    }
}

std::optional<std::string> problem_of_header(std::string_view what, std::string_view name)
{
    if (!is_token(name)) {
        return std::string(what) + " " + quoted(name) + " is not a field name";
    }
    if (is_reserved_header(name)) {
        return std::string(what) + " " + quoted(name) + " has another meaning in HTTP";
    }
    return std::nullopt;
}

class header_resolver final : public tenant_resolver {
public:
    explicit header_resolver(const resolver_options& o) : name_(o.name) {}

    tenant_claim claim(const tenant_question& q) const noexcept override
    {
        if (!q.peer_trusted) {
            return {};
        }
        tenant_claim answer;
        for (const auto& f : q.head.fields) {
            if (equal_ignoring_case(f.name, name_)) {
                // Two lines, even equal ones: we and the origin might not read the same.
                answer = answer.what == tenant_claim::kind::absent ? tenant_claim{tenant_claim::kind::named, f.value}
                                                                   : tenant_claim{tenant_claim::kind::bad, {}};
            }
        }
        return answer;
    }

    static std::optional<std::string> problem(const resolver_options& o) { return problem_of_header("name", o.name); }

private:
    std::string name_;
};

// ---- host ------------------------------------------------------------------------------------------------------------

// {tenant} is one label or a part of one: "a.b.shop.example" is nobody's.
class host_resolver final : public tenant_resolver {
public:
    explicit host_resolver(const resolver_options& o)
        : before_(lowered(split(o.pattern)->before)), after_(lowered(split(o.pattern)->after)) {}

    tenant_claim claim(const tenant_question& q) const noexcept override
    {
        const auto host = host_without_port(q.host);
        if (host.size() < before_.size() + after_.size() || !host.starts_with(before_) || !host.ends_with(after_)) {
            return {};
        }
        const auto name = host.substr(before_.size(), host.size() - before_.size() - after_.size());
        if (name.find('.') != name.npos) {
            return {};
        }
        return {tenant_claim::kind::named, name};
    }

    static std::optional<std::string> problem(const resolver_options& o)
    {
        if (auto p = problem_of_split(o.pattern)) {
            return p;
        }
        const auto [before, after] = *split(o.pattern);
        const auto is_host_text = [](std::string_view s) {
            return std::all_of(s.begin(), s.end(), [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
        };
        if (!is_host_text(before) || !is_host_text(after)) {
            return "pattern " + quoted(o.pattern) + " may hold letters, digits, \".\" and \"-\" beside {tenant}, and no port";
        }
        if (before.empty() && after.empty()) {
            return "pattern " + quoted(o.pattern) + " would let clients choose any tenant; add a domain of yours";
        }
        if (before.starts_with('.') || after.ends_with('.')) {
            return "pattern " + quoted(o.pattern) + " begins or ends with a dot; hosts are compared without";
        }
        return std::nullopt;
    }

private:
    std::string before_;
    std::string after_;
};

// ---- path ------------------------------------------------------------------------------------------------------------

// {tenant} is one whole segment. A slash at the end of the pattern says nothing: "/t/acme" is acme's as "/t/acme/" is.
class path_resolver final : public tenant_resolver {
public:
    explicit path_resolver(const resolver_options& o) : before_(split(o.pattern)->before), after_(split(o.pattern)->after)
    {
        if (after_.ends_with('/')) {
            after_.pop_back();
        }
    }

    tenant_claim claim(const tenant_question& q) const noexcept override
    {
        if (!q.path.starts_with(before_)) {
            return {};
        }
        const auto rest = q.path.substr(before_.size());
        const auto name = rest.substr(0, rest.find('/'));
        const auto tail = rest.substr(name.size());
        if (!tail.starts_with(after_) || (tail.size() > after_.size() && tail[after_.size()] != '/')) {
            return {};
        }
        return {tenant_claim::kind::named, name};
    }

    static std::optional<std::string> problem(const resolver_options& o)
    {
        if (auto p = problem_of_split(o.pattern)) {
            return p;
        }
        const auto [before, after] = *split(o.pattern);
        if (!before.starts_with('/') || !before.ends_with('/') || !(after.empty() || after.starts_with('/'))) {
            return "pattern " + quoted(o.pattern) + " needs {tenant} as a whole segment of an absolute path";
        }
        if (o.pattern.find_first_of("*?#% ") != o.pattern.npos) {
            return "pattern " + quoted(o.pattern) + " is literal text and {tenant}; no wildcard, query or escape";
        }
        return std::nullopt;
    }

private:
    std::string before_;
    std::string after_;
};

// ---- the kinds -------------------------------------------------------------------------------------------------------

struct kind_row {
    resolver_kind kind;
    std::string_view name;
    std::optional<std::string> (*problem)(const resolver_options&);
    std::unique_ptr<const tenant_resolver> (*make)(const resolver_options&);
};

template <class Resolver>
constexpr kind_row row(resolver_kind kind, std::string_view name)
{
    return {kind, name, &Resolver::problem, [](const resolver_options& o) -> std::unique_ptr<const tenant_resolver> {
                return std::make_unique<const Resolver>(o);
            }};
}

constexpr std::array kinds{
    row<none_resolver>(resolver_kind::none, "none"),
    row<header_resolver>(resolver_kind::header, "header"),
    row<host_resolver>(resolver_kind::host, "host"),
    row<path_resolver>(resolver_kind::path, "path"),
};

const kind_row& row_of(resolver_kind k) noexcept
{
    const auto at = static_cast<std::size_t>(k);
    TIERCEL_CHECK(at < kinds.size() && kinds[at].kind == k);
    return kinds[at];
}

}  // namespace

std::string_view name_of(resolver_kind k) noexcept { return row_of(k).name; }

std::optional<resolver_kind> resolver_kind_named(std::string_view name) noexcept
{
    for (const auto& r : kinds) {
        if (r.name == name) {
            return r.kind;
        }
    }
    return std::nullopt;
}

bool is_tenant_name(std::string_view name) noexcept
{
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
        return is_alnum(c) || c == '.' || c == '_' || c == '-';
    });
}

std::optional<std::string> problem(const tenancy_options& options)
{
    if (options.resolvers.empty()) {
        return "resolvers: at least one is needed; { kind: none } puts everything under one tenant";
    }
    for (std::size_t i = 0; i < options.resolvers.size(); ++i) {
        const auto& r = options.resolvers[i];
        const auto where = "resolvers[" + std::to_string(i) + "]: ";
        if (const auto p = row_of(r.kind).problem(r)) {
            return where + *p;
        }
        if (r.kind == resolver_kind::none && i + 1 < options.resolvers.size()) {
            return where + "kind none always yields a tenant; what follows it would never be asked";
        }
    }
    const std::array<std::pair<std::string_view, std::string_view>, 2> headers{
        {{"forward_header", options.forward_header}, {"attest_header", options.attest_header}}};
    for (const auto& [key, name] : headers) {
        if (!name.empty()) {
            if (auto p = problem_of_header(key, name)) {
                return p;
            }
        }
    }
    return std::nullopt;
}

const tenant_id& resolved_tenant::who() const noexcept
{
    TIERCEL_CHECK(who_.has_value());
    return *who_;
}

tenancy::tenancy(tenancy_options options) : options_(std::move(options))
{
    TIERCEL_CHECK(!problem(options_));
    for (const auto& r : options_.resolvers) {
        resolvers_.push_back(row_of(r.kind).make(r));
        if (r.kind == resolver_kind::header) {
            guarded_headers_.push_back(r.name);
        }
    }
    if (!options_.forward_header.empty()) {
        guarded_headers_.push_back(options_.forward_header);
    }
}

result<resolved_tenant> tenancy::resolve(const request_head& head, std::string_view host, std::string_view path,
                                         bool peer_trusted) const noexcept
{
    const tenant_question question{head, host, path, peer_trusted};
    for (const auto& resolver : resolvers_) {
        const auto claim = resolver->claim(question);
        switch (claim.what) {
            case tenant_claim::kind::absent: continue;
            case tenant_claim::kind::bad: return errc::bad_tenant;
            case tenant_claim::kind::everyone: return resolved_tenant(tenant_factory::make(default_tenant));
            case tenant_claim::kind::named: break;
        }
        if (!is_tenant_name(claim.name) || claim.name == default_tenant) {
            return errc::bad_tenant;
        }
        return resolved_tenant(tenant_factory::make(claim.name));
    }
    if (options_.on_missing == missing_rule::bypass) {
        return resolved_tenant();
    }
    return errc::tenant_missing;
}

bool tenancy::is_tenant_header(std::string_view name) const noexcept
{
    return std::any_of(guarded_headers_.begin(), guarded_headers_.end(),
                       [name](const std::string& guarded) { return are_twins(name, guarded); });
}

}  // namespace routing
}  // namespace tiercel
