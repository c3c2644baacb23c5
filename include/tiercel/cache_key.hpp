#pragma once

// The identity of a cached resource. Two forms of one thing: length-framed bytes (what is hashed and compared; no part can
// imitate a separator) and canonical text (what people read).

#include <cstdint>
#include <string>
#include <string_view>

namespace tiercel {

// 128 bits over the framed key bytes. `seeded` hashes differ per process (L1, flights), `stable` ones never (Redis names).
struct hash128 {
    std::uint64_t hi = 0;
    std::uint64_t lo = 0;
    friend bool operator==(const hash128&, const hash128&) = default;
};

// A resolved tenant. Only routing's resolvers make one, so that no cache operation can happen without.
class tenant_id {
public:
    std::string_view view() const noexcept { return value_; }
    friend bool operator==(const tenant_id&, const tenant_id&) = default;

private:
    friend class tenant_factory;   // routing/tenant
    explicit tenant_id(std::string_view v) noexcept : value_(v) {}
    std::string_view value_;       // points into the request or the configuration; valid as long as those
};

// What a key is made of. All parts canonical already (http/target), all of them views.
struct key_parts {
    std::string_view tenant{};
    std::string_view scheme{};     // "http" or "https"
    std::string_view host{};       // lower case, with ":port" unless default
    std::string_view path{};
    std::string_view query{};
    bool has_query = false;        // "?" present: "/a?" and "/a" differ
};

// Appends the framed form: version byte, then varint length + bytes of each part.
void append_key(std::string& out, const key_parts& parts);
// Appends one more framed part (secondary keys: field name and value). `present` keeps absent and empty apart.
void append_secondary(std::string& out, std::string_view name, std::string_view value, bool present);
// Appends the generation of a resource's variants, as a part without a name, which no field can have.
void append_generation(std::string& out, std::uint64_t generation);

// Hash for tables of this process. `seed` is drawn once at start.
hash128 seeded_hash(std::string_view framed, std::uint64_t seed) noexcept;
// Hash for names that several processes share; the same on every node, build and restart.
hash128 stable_hash(std::string_view framed) noexcept;

// "tenant|scheme|host|path?query", with '|', '%', blanks, controls and all beyond ASCII percent-escaped inside each part (also
// '?' inside a path and '=' inside a name), so that different keys have different texts. Secondary parts follow as
// "|name=value", or "|name" when the field is absent; a generation is "|=digits". REQUIRES: `framed` was made by append_key; else the text is empty.
std::string key_text(std::string_view framed);
// Parts of a framed key; views into it. Secondary parts may follow and are checked, too. Returns false when the bytes are
// not a framed key in its one possible form.
bool split_key(std::string_view framed, key_parts& out) noexcept;
std::string hex(const hash128& h);   // 32 lower-case digits

}  // namespace tiercel
