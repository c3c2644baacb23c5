#include "stage.hpp"

#include "scenario/scenario.hpp"
#include "support/proxy.hpp"

#include <yaml-cpp/yaml.h>

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

std::string profile_text(profile p)
{
    if (p == profile::standard) {
        return "routes: [ { name: all, match: { path: / }, origin: shop } ]";
    }
    std::ifstream in(TIERCEL_SOURCE_DIR "/conf/rfc9111.yaml");
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (text.empty()) {
        throw std::runtime_error("conf/rfc9111.yaml cannot be read");
    }
    return text;
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
    explicit binary_stage(profile p) : proxy_(configuration(p)) {}

    fake_origin& origin() override { return origin_; }
    std::uint16_t port() const override { return proxy_.port(); }
    wall_time now() const override { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }
    void advance(milliseconds) override { throw std::logic_error("the machine's clock does not move on demand"); }
    bool moves_time() const override { return false; }
    int collapsed() const override { return static_cast<int>(proxy_.metric("coalesced_total")); }
    bool settle() const override
    {
        return eventually([this] { return proxy_.admin("GET", "/v1/status").body.find("\"flights\":0,") != std::string::npos; });
    }

private:
    std::string configuration(profile p) const
    {
        scenario written;   // only to put the texts together
        written.configure(profile_text(p)).configure(surroundings);
        written.set("origins.shop.endpoints", "[ \"" + origin_.url() + "\" ]");
        YAML::Node top = YAML::Load(written.configuration());
        top["server"].remove("listen");   // the ports are for `proxy` to find
        top["admin"].remove("listen");
        return YAML::Dump(top);
    }

    fake_origin origin_;
    proxy proxy_;
};

}  // namespace

std::unique_ptr<stage> make_scenario_stage(profile p) { return std::make_unique<scenario_stage>(p); }
std::unique_ptr<stage> make_binary_stage(profile p) { return std::make_unique<binary_stage>(p); }

}  // namespace tiercel::conformance
