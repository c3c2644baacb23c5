#include "stage.hpp"

#include "scenario/scenario.hpp"
#include "support/proxy.hpp"

#include <yaml-cpp/yaml.h>

#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace tiercel::conformance {
namespace {

using namespace tiercel::test;

// What a case must not depend on: no tier behind memory, no retries that the origin would see, no pause after failures of
// cases before, one thread.
constexpr std::string_view surroundings = R"(
server: { listen: [ "127.0.0.1:0" ], threads: 1 }
admin: { listen: "127.0.0.1:0" }
cache: { l2: { kind: none } }
origins: { shop: { retry: { max: 0 }, breaker: { mode: consecutive, failures: 100 } } }
log: { level: error, access: { file: "off" } }
)";

// What hangs on keys that both profiles leave alone is played on routes that differ from the profile's in these.
struct special_route {
    const char* name;       // its cases lie under /NAME/
    const char* keys;
};
constexpr std::array special_routes{
    special_route{"ttl-default", "ttl: { default: 60s, negative: 0s }"},
    special_route{"ttl-bounds", "ttl: { min: 20s, max: 100s }"},
    special_route{"no-guess", "ttl: { heuristic_max: 0s, negative: 0s }"},
    special_route{"untargeted", "targeted: []"},
    special_route{"two-targets", "targeted: [ Example-Cache-Control, CDN-Cache-Control ]"},
    special_route{"strip", "set_cookie: strip"},
    special_route{"windows", "stale: { while_revalidate: 60s, if_error: 100s, if_unreachable: 0s }"},
    special_route{"stale-s-maxage", "stale: { with_s_maxage: true, while_revalidate: 60s, if_error: 60s }"},
    special_route{"languages", "key: { vary: { languages: [ en, de ] } }"},
    special_route{"personal", "key: { vary: { allow: [ Cookie, User-Agent ] } }"},
    special_route{"fill-whole", "range: { fill_whole: true }"},
    special_route{"pass", "mode: pass"},
    special_route{"keep-on-write", "on_write: off"},
};

// The profile's one route, and the special ones before it.
std::string with_special_routes(const std::string& text)
{
    YAML::Node top = YAML::Load(text);
    const YAML::Node usual = top["routes"][0];
    YAML::Node routes;
    for (const special_route& s : special_routes) {
        YAML::Node route = YAML::Clone(usual);
        route["name"] = s.name;
        route["match"]["path"] = "/" + std::string(s.name) + "/";
        for (const auto& key : YAML::Load("{ " + std::string(s.keys) + " }")) { route[key.first.as<std::string>()] = key.second; }
        routes.push_back(route);
    }
    routes.push_back(usual);
    top["routes"] = routes;
    return YAML::Dump(top);
}

std::string profile_text(profile p)
{
    if (p == profile::standard) {
        return with_special_routes("routes: [ { name: all, match: { path: / }, origin: shop } ]");
    }
    std::ifstream in(TIERCEL_SOURCE_DIR "/conf/rfc9111.yaml");
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (text.empty()) {
        throw std::runtime_error("conf/rfc9111.yaml cannot be read");
    }
    return with_special_routes(text);
}

// As the program would be started: without addresses, which are for `proxy` to find.
std::string configuration_with(profile p, const fake_origin& origin)
{
    scenario written;   // only to put the texts together
    written.configure(profile_text(p)).configure(surroundings);
    written.set("origins.shop.endpoints", "[ \"" + origin.url() + "\" ]");
    YAML::Node top = YAML::Load(written.configuration());
    top["server"].remove("listen");
    top["admin"].remove("listen");
    return YAML::Dump(top) + "\n";
}

class scenario_stage final : public stage {
public:
    explicit scenario_stage(profile p)
    {
        s_.configure(profile_text(p)).configure(surroundings);
        s_.set("origins.shop.endpoints", "[ \"" + s_.origin().url() + "\" ]");
        s_.start();
    }

    fake_origin& origin() override { return s_.origin(); }
    std::uint16_t port() const override { return s_.port(); }
    wall_time now() const override { return s_.wall(); }
    void advance(milliseconds by) override { s_.advance(by); }
    bool moves_time() const override { return true; }
    int collapsed() const override { return static_cast<int>(s_.metric("coalesced_total")); }
    bool settle() const override { return s_.is_quiet_soon(); }

private:
    scenario s_;
};

class binary_stage final : public stage {
public:
    explicit binary_stage(profile p) : proxy_(configuration_with(p, origin_)) {}

    fake_origin& origin() override { return origin_; }
    std::uint16_t port() const override { return proxy_.port(); }
    // The clock that the program reads: it moves by some milliseconds at a time, and must not be behind what an answer was stamped with.
    wall_time now() const override { return system_clock().wall(); }
    void advance(milliseconds) override { throw std::logic_error("the machine's clock does not move on demand"); }
    bool moves_time() const override { return false; }
    int collapsed() const override { return static_cast<int>(proxy_.metric("coalesced_total")); }
    bool settle() const override
    {
        return eventually([this] { return proxy_.admin("GET", "/v1/status").body.find("\"flights\":0,") != std::string::npos; });
    }

private:
    fake_origin origin_;
    proxy proxy_;
};

}  // namespace

std::unique_ptr<stage> make_scenario_stage(profile p) { return std::make_unique<scenario_stage>(p); }
std::string configuration_of(profile p, stage& on) { return configuration_with(p, on.origin()); }
std::unique_ptr<stage> make_binary_stage(profile p) { return std::make_unique<binary_stage>(p); }

}  // namespace tiercel::conformance
