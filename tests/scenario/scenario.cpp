#include "scenario.hpp"

#include "app/process.hpp"
#include "support/proxy.hpp"

#include <yaml-cpp/yaml.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace tiercel::test {
namespace {

constexpr std::string_view base_configuration = R"(
server:
  listen: [ "127.0.0.1:0" ]
  threads: 2
  timeouts: { drain: 20s }
admin: { listen: "127.0.0.1:0" }
cache: { l2: { kind: none } }
origins:
  shop:
    endpoints: []
    retry: { max: 0, base: 1ms, cap: 1ms }
routes:
  - { name: all, match: { path: / }, origin: shop }
log: { level: error, access: { file: "off" } }
)";

// A date as origins write it, from the clock of the test.
std::string http_date(wall_time t)
{
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

YAML::Node merged(const YAML::Node& under, const YAML::Node& over)
{
    if (!under.IsMap() || !over.IsMap()) {
        return over;
    }
    YAML::Node out = YAML::Clone(under);
    for (const auto& item : over) {
        const auto name = item.first.as<std::string>();
        out[name] = out[name] ? merged(out[name], item.second) : item.second;
    }
    return out;
}

// Sets what lies at "a.0.b" below `top`; numbers are places in lists.
void set_at(YAML::Node top, std::string_view key, const YAML::Node& value)
{
    const std::size_t dot = key.find('.');
    const std::string first(key.substr(0, dot));
    const bool is_index = first.find_first_not_of("0123456789") == std::string::npos;
    if (dot == std::string_view::npos) {
        if (is_index) { top[std::stoul(first)] = value; } else { top[first] = value; }
        return;
    }
    set_at(is_index ? top[std::stoul(first)] : top[first], key.substr(dot + 1), value);
}

void fail(const location& at, const std::string& text)
{
    ADD_FAILURE_AT(at.file_name(), static_cast<int>(at.line())) << text;
}

std::string shown(const http_response& r)
{
    return r.raw_head + (r.body.size() > 200 ? r.body.substr(0, 200) + "…" : r.body);
}

void expect_equal(const http_response& r, std::string_view what, std::string_view got, std::string_view wanted, location at)
{
    if (got != wanted) {
        const auto cut = [](std::string_view t) { return std::string(t.substr(0, 200)); };
        fail(at, std::string(what) + " is \"" + cut(got) + "\", expected \"" + cut(wanted) + "\" in\n" + shown(r));
    }
}

}  // namespace

manual_clock::manual_clock()
    : now_(std::chrono::floor<milliseconds>(std::chrono::system_clock::now()).time_since_epoch().count())
{
    now_ -= now_ % 1000;   // ages in whole seconds are then what the test moved
}

// ---- answer ----------------------------------------------------------------------------------------------------------

const answer& answer::expect_status(int code, location at) const
{
    expect_equal(*this, "status", std::to_string(status), std::to_string(code), at);
    return *this;
}

const answer& answer::expect_body(std::string_view content, location at) const
{
    expect_equal(*this, "body", body, content, at);
    if (body.size() != content.size()) {
        fail(at, "body of " + std::to_string(body.size()) + " bytes, expected " + std::to_string(content.size()));
    }
    return *this;
}

const answer& answer::expect_cache(std::string_view text, location at) const
{
    try {
        expect_equal(*this, "Cache-Status", cache_status_of(*this).text(), text, at);
    } catch (const protocol_error& e) {
        fail(at, std::string(e.what()) + " in\n" + shown(*this));
    }
    return *this;
}

const answer& answer::expect_ttl(std::int64_t seconds, location at) const
{
    try {
        const auto ttl = cache_status_of(*this).ttl;
        if (!ttl || *ttl > seconds || *ttl < seconds - 1) {
            fail(at, "ttl is not " + std::to_string(seconds) + " in\n" + shown(*this));
        }
    } catch (const protocol_error& e) {
        fail(at, std::string(e.what()) + " in\n" + shown(*this));
    }
    return *this;
}

const answer& answer::expect_header(std::string_view name, std::string_view value, location at) const
{
    const auto all = headers(name);
    if (all.size() != 1) {
        fail(at, std::string(name) + " occurs " + std::to_string(all.size()) + " times in\n" + shown(*this));
    } else {
        expect_equal(*this, name, all.front(), value, at);
    }
    return *this;
}

const answer& answer::expect_no_header(std::string_view name, location at) const
{
    if (has(name)) {
        fail(at, std::string(name) + " is not expected in\n" + shown(*this));
    }
    return *this;
}

const answer& answer::expect_problem(int code, std::string_view name, location at) const
{
    expect_status(code, at);
    expect_header("Content-Type", "application/problem+json", at);
    expect_header("Cache-Control", "no-store", at);
    const std::string type = "\"type\":\"urn:tiercel:problem:" + std::string(name) + "\"";
    if (body.find(type) == std::string::npos) {
        fail(at, "no " + type + " in\n" + shown(*this));
    }
    return *this;
}

// ---- scenario --------------------------------------------------------------------------------------------------------

struct scenario::setup {
    YAML::Node top;
    std::optional<config::loaded> loaded;
};

scenario::scenario() : setup_(std::make_unique<setup>())
{
    setup_->top = YAML::Load(std::string(base_configuration));
    setup_->top["origins"]["shop"]["endpoints"].push_back(origin_.url());
    origin_.set_date([this] { return http_date(clock_.wall()); });
}

scenario::~scenario()
{
    process_.reset();   // before the origin and the clock
}

scenario& scenario::set(std::string_view key, std::string_view value)
{
    set_at(setup_->top, key, YAML::Load(std::string(value)));
    return *this;
}

scenario& scenario::configure(std::string_view yaml)
{
    setup_->top = merged(setup_->top, YAML::Load(std::string(yaml)));
    return *this;
}

std::string scenario::configuration() const
{
    return YAML::Dump(setup_->top) + "\n";
}

std::string scenario::date(seconds ago) const { return http_date(clock_.wall() - ago); }

void scenario::start()
{
    const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
    const std::string text = configuration();
    const config::loaded& loaded = setup_->loaded.emplace(config::load_text(text, "scenario.yaml", no_environment));
    if (!loaded.ok()) {
        throw std::invalid_argument(to_text(loaded.problems.front()) + "\n" + text);
    }
    process_ = std::make_unique<app::process>(loaded, clock_);
    process_->start();
    const std::string& address = process_->addresses().front();
    port_ = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

void scenario::restart()
{
    EXPECT_TRUE(process_->drain());
    process_.reset();
    start();
}

answer scenario::request(std::string_view method, std::string_view target, const header_list& fields,
                         std::string_view body) const
{
    header_list all = fields;
    if (std::none_of(all.begin(), all.end(), [](const auto& f) { return equal_names(f.first, "Host"); })) {
        all.insert(all.begin(), {"Host", "shop.test"});
    }
    return answer(client().request(method, target, all, body));
}

std::future<bool> scenario::begin_drain() const
{
    return std::async(std::launch::async, [this] { return process_->drain(); });
}

pending scenario::begin_get(std::string target, header_list fields) const
{
    return pending(std::async(std::launch::async, [this, target = std::move(target), fields = std::move(fields)] {
        return static_cast<http_response>(get(target, fields));
    }));
}

std::vector<pending> scenario::begin_gets(int n, const std::string& target) const
{
    std::vector<pending> all;
    for (int i = 0; i < n; ++i) {
        all.push_back(begin_get(target));
    }
    return all;
}

answer scenario::admin(std::string_view method, std::string_view target, std::string_view json) const
{
    const header_list fields = json.empty() ? header_list() : header_list{{"Content-Type", "application/json"}};
    return answer(raw_client(process_->admin_port()).request(method, target, fields, json));
}

void scenario::expire() const
{
    process_->l1().expire(clock_.now(), 1'000'000);
}

double scenario::metric(std::string_view name, const label_map& with) const
{
    return sum_metric(process_->metrics().render(), "tiercel_" + std::string(name), with);
}

void scenario::expect_metric(double value, std::string_view name, const label_map& with, location at) const
{
    double got = 0;
    const bool equal = eventually([&] { return (got = metric(name, with)) >= value; }) && got == value;
    if (!equal) {
        fail(at, std::string(name) + " is " + std::to_string(got) + ", expected " + std::to_string(value));
    }
}

void scenario::expect_gauge(double value, std::string_view name, const label_map& with, location at) const
{
    double got = 0;
    if (!eventually([&] { return (got = metric(name, with)) == value; })) {
        fail(at, std::string(name) + " is " + std::to_string(got) + ", expected " + std::to_string(value));
    }
}

void scenario::wait_for_waiters(int n, location at) const
{
    expect_metric(n, "coalesced_total", {}, at);
}

bool scenario::is_quiet_soon() const
{
    return eventually([this] { return admin("GET", "/v1/status").body.find("\"flights\":0,") != std::string::npos; });
}

void scenario::wait_until_quiet(location at) const
{
    if (!is_quiet_soon()) {
        fail(at, "a fetch is still under way");
    }
}

byte_stream manual_origin::accept()
{
    if (!wait_readable(listener_.get(), after(default_timeout))) {
        throw timed_out("nobody connects to the origin");
    }
    unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) {
        throw std::system_error(errno, std::generic_category(), "accept");
    }
    return byte_stream(std::move(fd));
}

std::string read_through(raw_client& c, std::string_view end) { return c.read_until(end); }

std::string plain_answer(const header_list& fields, std::string_view body, int status)
{
    std::string out = "HTTP/1.1 " + std::to_string(status) + " As You Like\r\n";
    for (const auto& [name, value] : fields) {
        out += name + ": " + value + "\r\n";
    }
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace tiercel::test
