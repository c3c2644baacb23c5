#include "support/origin_process.hpp"

#include <boost/json.hpp>

#include <signal.h>

#include <charconv>
#include <cstdlib>

namespace tiercel::test {

std::filesystem::path origin_process::program()
{
    const char* chosen = std::getenv("TIERCEL_ORIGIN_BIN");
    return chosen != nullptr ? chosen : TIERCEL_ORIGIN_BIN_DEFAULT;
}

bool origin_process::available()
{
    return std::filesystem::exists(program());
}

origin_process::origin_process(std::vector<std::string> arguments) : arguments_(std::move(arguments))
{
    start();
}

void origin_process::start()
{
    process_options o;
    o.argv = {program().native(), "--listen", "127.0.0.1:" + std::to_string(port_)};
    o.argv.insert(o.argv.end(), arguments_.begin(), arguments_.end());
    process_ = process::start(std::move(o));
    const std::string line = process_->wait_for_line("listening ");
    const std::string_view digits = std::string_view(line).substr(line.rfind(':') + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port_);
}

void origin_process::restart()
{
    kill();
    start();
}

void origin_process::freeze()
{
    process_->send_signal(SIGSTOP);
}

void origin_process::thaw()
{
    process_->send_signal(SIGCONT);
}

http_response origin_process::ask(std::string_view target) const
{
    http_response r = raw_client(port_).get(target, {{"Connection", "close"}});
    if (r.status != 200) { throw protocol_error("the sample origin refuses " + std::string(target)); }
    return r;
}

std::uint64_t origin_process::requests() const
{
    return boost::json::parse(ask("/_/stats").body).at("requests").to_number<std::uint64_t>();
}

std::uint64_t origin_process::requests(const std::string& path) const
{
    const boost::json::value stats = boost::json::parse(ask("/_/stats").body);
    const auto& paths = stats.at("paths").as_object();
    const auto* count = paths.if_contains(path);
    return count == nullptr ? 0 : count->to_number<std::uint64_t>();
}

std::map<std::string, std::uint64_t> origin_process::requests_by_path() const
{
    std::map<std::string, std::uint64_t> out;
    const boost::json::value stats = boost::json::parse(ask("/_/stats").body);
    for (const auto& [path, count] : stats.at("paths").as_object()) { out.emplace(path, count.to_number<std::uint64_t>()); }
    return out;
}

std::uint64_t origin_process::connections() const
{
    return boost::json::parse(ask("/_/stats").body).at("connections").at("accepted").to_number<std::uint64_t>();
}

std::uint64_t origin_process::most_connections() const
{
    return boost::json::parse(ask("/_/stats").body).at("connections").at("most").to_number<std::uint64_t>();
}

std::vector<std::string> origin_process::request_heads() const
{
    std::vector<std::string> out;
    const boost::json::value heads = boost::json::parse(ask("/_/requests").body);
    for (const auto& head : heads.as_array()) { out.emplace_back(head.as_string()); }
    return out;
}

void origin_process::forget() const
{
    ask("/_/forget");
}

void origin_process::control(const std::string& query) const
{
    ask("/_/control?" + query);
}

}  // namespace tiercel::test
