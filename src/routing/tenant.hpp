#pragma once

// Whose request is this? The tenant is part of every key, so a wrong answer here shows one tenant's data to another.
// Hence: a short chain of resolvers, tried in order; a strict alphabet; and no fallback from a bad value to the next
// resolver. What is missing is refused, or goes past the cache, as configured.

#include <tiercel/cache_key.hpp>
#include <tiercel/error.hpp>
#include <tiercel/message.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {

namespace routing {
class tenancy;
}

// The only maker of tenant_id: nothing but a resolver's answer becomes one.
class tenant_factory {
public:
    // The same tenant with its text in `storage`, for what outlives the request (a refresh that owns a copy of its head).
    // REQUIRES: equal text.
    static tenant_id rebind(const tenant_id& who, std::string_view storage) noexcept;

private:
    friend class routing::tenancy;
    static tenant_id make(std::string_view name) noexcept { return tenant_id(name); }
};

namespace routing {

// The tenant of `kind: none`; no other resolver may yield it.
inline constexpr std::string_view default_tenant = "default";

// 1 to 128 of A-Z a-z 0-9 . _ - (case matters). The reserved name passes; who may use it is decided elsewhere.
bool is_tenant_name(std::string_view name) noexcept;

enum class resolver_kind : std::uint8_t {
    none,     // everything belongs to the default tenant
    header,   // a field set by a trusted proxy; from anybody else it is as if absent
    host,     // "{tenant}.shop.example"
    path,     // "/t/{tenant}/"
};
std::string_view name_of(resolver_kind k) noexcept;
std::optional<resolver_kind> resolver_kind_named(std::string_view name) noexcept;

struct resolver_options {
    resolver_kind kind = resolver_kind::none;
    std::string name = "X-Tenant-ID";   // header: the field
    std::string pattern;                // host, path: literal text around one {tenant}
};

enum class missing_rule : std::uint8_t { reject, bypass };
enum class mismatch_rule : std::uint8_t { pass, bad_gateway };

struct tenancy_options {
    std::vector<resolver_options> resolvers{resolver_options{}};
    missing_rule on_missing = missing_rule::reject;
    std::string forward_header = "X-Tenant-ID";   // what the origin gets; empty: nothing
    std::string attest_header;                    // the origin names the tenant of its answer here; empty: it does not
    mismatch_rule on_mismatch = mismatch_rule::pass;
};

// What is wrong with the options, in words for the person who wrote them; nothing if all is well.
std::optional<std::string> problem(const tenancy_options& options);

// Either a tenant, or permission to pass the request on without any use of the cache.
class resolved_tenant {
public:
    bool is_bypass() const noexcept { return !who_; }
    // REQUIRES: not is_bypass().
    const tenant_id& who() const noexcept;

private:
    friend class tenancy;
    resolved_tenant() = default;
    explicit resolved_tenant(const tenant_id& who) noexcept : who_(who) {}
    std::optional<tenant_id> who_;
};

// What a resolver looks at. `host` and `path` in canonical form (http/target); `host` may carry a port.
struct tenant_question {
    const request_head& head;
    std::string_view host;
    std::string_view path;
    bool peer_trusted = false;
};

// What it says. Checking the name is not its business.
struct tenant_claim {
    enum class kind : std::uint8_t {
        absent,     // ask the next one
        named,      // `name` was claimed, still to be checked
        bad,        // claimed in a way that cannot be trusted
        everyone,   // the default tenant
    };
    kind what = kind::absent;
    std::string_view name;   // a view into the question
};

class tenant_resolver {
public:
    virtual ~tenant_resolver() = default;
    virtual tenant_claim claim(const tenant_question& q) const noexcept = 0;
};

// Thread: any; immutable.
class tenancy {
public:
    // REQUIRES: problem(options) is empty.
    explicit tenancy(tenancy_options options);

    // The tenant, a bypass, errc::tenant_missing (401) or errc::bad_tenant (400). Does not allocate. The tenant's text points
    // into `head`, `host` or `path`.
    result<resolved_tenant> resolve(const request_head& head, std::string_view host, std::string_view path,
                                    bool peer_trusted) const noexcept;

    // Is this a field that an origin might take for the tenant: the forwarded one, one that a resolver reads, or a twin of
    // these that becomes the same name once "-", "_" and the like are unified (CGI, WSGI)? Inbound copies of all of them are
    // removed, whoever sent them, before the tenant is written once.
    bool is_tenant_header(std::string_view name) const noexcept;

    const tenancy_options& options() const noexcept { return options_; }

private:
    tenancy_options options_;
    std::vector<std::unique_ptr<const tenant_resolver>> resolvers_;
    std::vector<std::string> guarded_headers_;
};

}  // namespace routing
}  // namespace tiercel
