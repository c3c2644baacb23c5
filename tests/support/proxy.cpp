#include "support/proxy.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cstdlib>
#include <sstream>
#include <system_error>

namespace tiercel::test {
namespace {

// The user's YAML with addresses of our own where it says nothing.
std::string completed(const std::string& yaml, std::uint16_t port, std::uint16_t admin_port)
{
    YAML::Node root = YAML::Load(yaml);
    if (!root["server"]["listen"]) {
        root["server"]["listen"][0]["address"] = "127.0.0.1:" + std::to_string(port);
    }
    if (!root["server"]["timeouts"]["drain"]) { root["server"]["timeouts"]["drain"] = "5s"; }
    if (!root["admin"]["listen"]) { root["admin"]["listen"] = "127.0.0.1:" + std::to_string(admin_port); }
    return YAML::Dump(root) + "\n";
}

double parse_value(std::string_view text)
{
    if (text == "+Inf") { return std::numeric_limits<double>::infinity(); }
    if (text == "NaN") { return 0; }
    double value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size()) {
        throw protocol_error("metric value is no number: " + std::string(text));
    }
    return value;
}

// name{a="x",b="y"} value
struct sample {
    std::string_view name;
    std::map<std::string, std::string> labels;
    double value = 0;
};

sample parse_sample(std::string_view line)
{
    const auto broken = [line] { return protocol_error("not a metric line: " + std::string(line)); };
    sample s;
    const std::size_t name_end = line.find_first_of("{ ");
    if (name_end == std::string_view::npos) { throw broken(); }
    s.name = line.substr(0, name_end);
    std::string_view rest = line.substr(name_end);
    if (rest.starts_with('{')) {
        rest.remove_prefix(1);
        while (!rest.starts_with('}')) {
            const std::size_t equals = rest.find("=\"");
            if (equals == std::string_view::npos) { throw broken(); }
            std::string& value = s.labels[std::string(rest.substr(0, equals))];
            rest.remove_prefix(equals + 2);
            while (!rest.empty() && rest.front() != '"') {
                if (rest.front() == '\\') { rest.remove_prefix(1); }
                if (rest.empty()) { throw broken(); }
                value += rest.front();
                rest.remove_prefix(1);
            }
            if (rest.empty()) { throw broken(); }
            rest.remove_prefix(1);
            if (rest.starts_with(',')) { rest.remove_prefix(1); }
        }
        rest.remove_prefix(1);
    }
    if (!rest.starts_with(' ')) { throw broken(); }
    s.value = parse_value(rest.substr(1));
    return s;
}

bool contains(const std::map<std::string, std::string>& all, const std::map<std::string, std::string>& wanted)
{
    for (const auto& [name, value] : wanted) {
        const auto at = all.find(name);
        if (at == all.end() || at->second != value) { return false; }
    }
    return true;
}

}  // namespace

double sum_metric(const std::string& exposition, std::string_view full_name,
                  const std::map<std::string, std::string>& labels)
{
    double sum = 0;
    std::istringstream lines(exposition);
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == '#') { continue; }
        const sample s = parse_sample(line);
        if (s.name == full_name && contains(s.labels, labels)) { sum += s.value; }
    }
    return sum;
}

std::filesystem::path proxy::program()
{
    const char* chosen = std::getenv("TIERCEL_BIN");
    return chosen != nullptr ? chosen : TIERCEL_BIN_DEFAULT;
}

bool proxy::available()
{
    return std::filesystem::exists(program());
}

proxy::proxy(proxy_options o) : options_(std::move(o)), port_(free_port()), admin_port_(free_port())
{
    rewrite_configuration(options_.configuration);
    start();
}

proxy::~proxy() = default;

void proxy::rewrite_configuration(const std::string& yaml)
{
    configuration_file_ = directory_.write("tiercel.yaml", completed(yaml, port_, admin_port_));
}

void proxy::start()
{
    process_options o;
    o.argv = {(options_.program.empty() ? program() : options_.program).native(), "run", "-c", configuration_file_.native()};
    o.environment = options_.environment;
    process_ = process::start(std::move(o));
    if (!options_.wait_until_ready) { return; }
    const auto answers = [this] {
        try {
            return admin("GET", "/livez").status == 200;
        } catch (const std::system_error&) {   // not listening yet
            return false;
        }
    };
    const bool alive = eventually([&] { return !process_->is_running() || answers(); });
    if (!alive || !process_->is_running()) { throw std::runtime_error("tiercel did not start:\n" + log()); }
}

http_response proxy::request(std::string_view method, std::string_view target, const header_list& fields,
                             std::string_view body) const
{
    return client().request(method, target, fields, body);
}

http_response proxy::admin(std::string_view method, std::string_view target, std::string_view body) const
{
    header_list fields{{"Connection", "close"}};
    if (!body.empty()) { fields.emplace_back("Content-Type", "application/json"); }
    return raw_client(admin_port_).request(method, target, fields, body);
}

double proxy::metric(std::string_view name, const std::map<std::string, std::string>& labels) const
{
    return sum_metric(metrics(), "tiercel_" + std::string(name), labels);
}

bool proxy::wait_until_ready(std::chrono::milliseconds timeout)
{
    return eventually([this] { return admin("GET", "/readyz").status == 200; }, timeout);
}

bool proxy::wait_until_well(std::chrono::milliseconds timeout)
{
    return eventually([this] { return admin("GET", "/readyz").body.find(R"("status":"ok")") != std::string::npos; }, timeout);
}

exit_status proxy::stop(std::chrono::milliseconds timeout)
{
    return process_->terminate(timeout);
}

void proxy::kill()
{
    process_->kill();
}

void proxy::restart()
{
    stop();
    start();
}

command_result run_tiercel(std::vector<std::string> arguments, std::vector<std::pair<std::string, std::string>> environment)
{
    process_options o;
    o.argv = std::move(arguments);
    o.argv.insert(o.argv.begin(), proxy::program().native());
    o.environment = std::move(environment);
    const auto p = process::start(std::move(o));
    const exit_status status = p->wait();
    return {.status = status, .output = p->output()};
}

}  // namespace tiercel::test
