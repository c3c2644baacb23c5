// A proxy that cannot start says why, in words that name the place, and ends with the code that tells whose mistake it was.

#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace tiercel::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::HasSubstr;

constexpr int failed = 1;      // at run time
constexpr int bad_usage = 2;   // or configuration

setting lonely() { return {.origin_url = "http://127.0.0.1:1"}; }

std::string at_port(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

// What such a proxy says before it ends.
void expect_refusal_to_start(const std::string& yaml, int code, const std::vector<std::string>& said)
{
    proxy p(proxy_options{.configuration = yaml, .wait_until_ready = false});
    const exit_status ended = p.process().wait();
    EXPECT_EQ(ended.code, code) << p.log();
    for (const std::string& text : said) { EXPECT_THAT(p.log(), HasSubstr(text)); }
    EXPECT_THAT(p.log(), testing::Not(testing::AnyOf(HasSubstr("[system:"), HasSubstr("/boost/")))) << "in words for people";
}

TEST(Start, IsRefusedWhereAnotherProgramListens)
{
    const unique_fd taken = listen_on_loopback();
    setting s = lonely();
    s.server = "{listen: [\"" + at_port(port_of(taken)) + "\"]}";
    expect_refusal_to_start(s.yaml(), failed, {".yaml:", "server.listen[0]: " + at_port(port_of(taken)) + ": Address already in use\n"});
    s.server = "{threads: 1}";
    s.more = "admin: {listen: \"" + at_port(port_of(taken)) + "\"}\n";
    expect_refusal_to_start(s.yaml(), failed, {".yaml:", "admin.listen: " + at_port(port_of(taken)) + ": Address already in use\n"});
}

// SO_REUSEPORT would let both have it, each getting some of the connections.
TEST(Start, IsRefusedWhereAnotherProxyListens)
{
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    const proxy first(s.yaml());
    s.server = "{threads: 2, listen: [\"" + at_port(first.port()) + "\"]}";
    expect_refusal_to_start(s.yaml(), failed, {"server.listen", at_port(first.port()), "already in use"});
    for (int i = 0; i < 10; ++i) { EXPECT_EQ(first.get("/page/x").status, 200); }
}

TEST(Start, IsRefusedAtTheSocketOfAnotherProxyButNotAtOneLeftBehind)
{
    const temp_dir dir;
    const fs::path path = dir.path() / "proxy.sock";
    const origin_process origin;
    setting s{.origin_url = origin.url()};
    s.server = "{threads: 2, listen: [\"unix:" + path.native() + "\"]}";
    proxy first(s.yaml());
    EXPECT_EQ(raw_client(path).get("/page/x").status, 200);
    expect_refusal_to_start(s.yaml(), failed, {"server.listen", path.native(), "already in use"});
    EXPECT_EQ(raw_client(path).get("/page/x").status, 200);
    first.kill();
    EXPECT_TRUE(fs::exists(path));
    first.start();
    EXPECT_EQ(raw_client(path).get("/page/x").status, 200);
    EXPECT_TRUE(first.stop().ok());
    EXPECT_FALSE(fs::exists(path)) << "nothing is left behind";
}

TEST(Start, FailsWhenAnOriginHasNoAddress)
{
    expect_refusal_to_start(setting{.origin_url = "http://no-such-host.invalid"}.yaml(), failed, {"origins.shop"});
}

TEST(Start, FailsWhenALogCannotBeWritten)
{
    setting s = lonely();
    s.log = "{file: /proc/no/such/place, access: {file: \"off\"}}";
    expect_refusal_to_start(s.yaml(), failed, {"/proc/no/such/place"});
}

// ---- configuration -------------------------------------------------------------------------------------------------------

const std::string ten_mistakes = R"(server:
  listen: [127.0.0.1:99999]
  threads: many
  limits: { uri: 8KB }
  timeouts: { header: 10 }
cache:
  l1: { max_byts: 64MiB }
  l2: { kind: rediss }
origins:
  shop: { endpoints: ["ftp://127.0.0.1"], pool: { max: 0 } }
routes:
  - { match: { path: nowhere }, origin: shop }
  - { match: { path: / }, origin: store }
)";

std::vector<std::string> lines_of(const std::string& text)
{
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) { out.push_back(line); }
    return out;
}

struct mistake {
    int line;
    const char* key;
};

constexpr mistake mistakes[] = {{2, "server.listen[0].address"},
                                {3, "server.threads"},
                                {4, "server.limits.uri"},
                                {5, "server.timeouts.header"},
                                {7, "cache.l1.max_byts"},
                                {8, "cache.l2.kind"},
                                {10, "origins.shop.endpoints[0]"},
                                {10, "origins.shop.pool.max"},
                                {12, "routes[0].match.path"},
                                {13, "routes[1].origin"}};

void expect_all_mistakes(const std::string& output, const std::string& file)
{
    const std::vector<std::string> lines = lines_of(output);
    EXPECT_EQ(lines.size(), std::size(mistakes)) << output;
    for (const mistake& m : mistakes) {
        const std::string place = file + ":" + std::to_string(m.line) + ":";
        const auto is_it = [&](const std::string& line) { return line.starts_with(place) && line.find(": "s + m.key) != std::string::npos; };
        EXPECT_EQ(std::count_if(lines.begin(), lines.end(), is_it), 1) << place << " " << m.key << "\n" << output;
    }
}

TEST(Configuration, OfTenMistakesListsTen)
{
    const temp_dir dir;
    const std::string file = dir.write("wrong.yaml", ten_mistakes).native();
    for (const char* command : {"check", "config"}) {
        const command_result r = run_tiercel({command, file});
        EXPECT_EQ(r.status.code, bad_usage);
        expect_all_mistakes(r.output, file);
    }
    const command_result r = run_tiercel({"run", "-c", file});
    EXPECT_EQ(r.status.code, bad_usage);
    expect_all_mistakes(r.output, file);
    EXPECT_THAT(r.output, HasSubstr("max_bytes")) << "what was meant";
}

TEST(Configuration, ThatCannotBeMeantIsRefusedAndThatIsDoubtfulIsWarnedOf)
{
    const temp_dir dir;
    const std::string origins = "origins: { shop: { endpoints: [\"http://127.0.0.1:1\"] } }\n";
    const struct {
        std::string yaml;
        int code;
        const char* said;
    } table[] = {
        {"routes: [ { origin: shop, match: { methods: [get] } } ]\n", bad_usage,
         "2:46: routes[0].match.methods[0]: \"get\" names no method, since case matters (did you mean GET?)"},
        {"routes: [ { origin: shop } ]\nserver: { listen: [\"127.0.0.1:80\"] }\nadmin: { listen: \"127.0.0.1:80\" }\n", bad_usage,
         "4:18: admin.listen: is taken by server.listen[0]"},
        {"routes: [ { origin: shop }, { origin: shop, match: { path: /a } } ]\n", bad_usage, "2:29: routes[1]: is never reached"},
        {"routes: [ { origin: shop, deadline: 1s, stampede: { max_wait: 2s } } ]\n", 0, "2:63: warning: routes[0].stampede.max_wait: "},
        {"routes: [ { origin: shop } ]\nlog: { file: /no/such/folder/log }\n", 0, "3:14: warning: log.file: there is no folder /no/such/folder"},
    };
    for (const auto& row : table) {
        const std::string file = dir.write("t.yaml", origins + row.yaml).native();
        const command_result r = run_tiercel({"check", file});
        EXPECT_EQ(r.status.code, row.code) << r.output;
        EXPECT_THAT(r.output, HasSubstr(file + ":" + row.said));
    }
}

TEST(Configuration, ThatIsNoneIsRefusedInWords)
{
    const temp_dir dir;
    const struct {
        const char* name;
        std::string file;
        const char* said;
    } table[] = {
        {"no file", (dir.path() / "absent.yaml").native(), "absent.yaml"},
        {"a directory", dir.path().native(), ""},
        {"a tab", dir.write("tab.yaml", "server:\n  limits:\n\turi: 1KiB\n").native(), "tab.yaml:3:1: is not YAML: a tab indents this line"},
        {"a bracket", dir.write("bracket.yaml", "origins: [1, 2\nroutes: 3\n").native(), "bracket.yaml:2:7: is not YAML: a [ without its ]"},
        {"a colon", dir.write("colon.yaml", "log: x\n level: info\n").native(), "colon.yaml:2:7: is not YAML: a colon where no value can begin"},
        {"no YAML", dir.write("broken.yaml", "server: [\n").native(), "broken.yaml:"},
        {"a list", dir.write("list.yaml", "- a\n- b\n").native(), "list.yaml:"},
        {"a key twice", dir.write("twice.yaml", "cache: {}\ncache: {}\n").native(), "twice.yaml:2:"},
        {"nothing", dir.write("empty.yaml", "").native(), "routes"},
        {"bytes", dir.write("bytes.yaml", std::string("\x00\xff\x1b[2J", 6)).native(), ""},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const command_result r = run_tiercel({"run", "-c", row.file});
        EXPECT_EQ(r.status.code, bad_usage) << r.output;
        EXPECT_THAT(r.output, HasSubstr(row.said));
        EXPECT_EQ(r.output.find('\x1b'), std::string::npos);
    }
}

TEST(Usage, ThatMakesNoSenseIsRefusedInWords)
{
    const std::vector<std::string> table[] = {{}, {"serve"}, {"run", "--fast"}, {"run", "a", "b"}, {"check"}, {"explain"}};
    for (const auto& arguments : table) {
        const command_result r = run_tiercel(arguments);
        EXPECT_EQ(r.status.code, bad_usage) << testing::PrintToString(arguments) << r.output;
        EXPECT_EQ(lines_of(r.output).size(), 1u) << r.output;
    }
}

TEST(Usage, AQuestionThatIsNoRequestIsBadUsage)
{
    const temp_dir dir;
    const std::string file = dir.write("t.yaml", setting{.origin_url = "http://127.0.0.1:1"}.yaml()).native();
    const auto ask = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"explain", "-c", file});
        return run_tiercel(more);
    };
    EXPECT_EQ(ask({"GET", "http://shop.test/a"}).status.code, 0);
    for (const auto& question : std::vector<std::vector<std::string>>{{"GET", "http://shop.test/../a"}, {"GET", "/a", "-H", "no colon"},
                                                                      {"G T", "/a"}, {"GET", "/a", "-a", "no colon"}, {"GET", "/a", "--from", "me"}}) {
        const command_result r = ask(question);
        EXPECT_EQ(r.status.code, bad_usage) << testing::PrintToString(question) << r.output;
        EXPECT_THAT(r.output, HasSubstr("tiercel: "));
    }
}

TEST(Usage, AnInstanceIsFoundByItsConfiguration)
{
    setting s = lonely();
    s.more = "admin: {tokens: [{token: looks, role: read}, {token: acts, role: system}]}\n";
    proxy p(s.yaml());
    const std::string file = p.configuration_file().native();
    const command_result shown = run_tiercel({"origins", "-c", file});
    EXPECT_TRUE(shown.status.ok()) << shown.output;
    EXPECT_THAT(shown.output, testing::ContainsRegex("shop +http://127.0.0.1:1 +yes +closed "));
    const command_result held = run_tiercel({"origins", "-c", file, "shop", "open"});
    EXPECT_TRUE(held.status.ok()) << held.output;
    EXPECT_THAT(held.output, HasSubstr("open (held)"));
    EXPECT_EQ(p.get("/page/x").status, 503) << "the breaker refuses";
    EXPECT_THAT(run_tiercel({"origins", "-c", file, "shop", "auto"}).output, testing::Not(HasSubstr("(held)")));
    EXPECT_TRUE(run_tiercel({"purge", "-c", file, "http://shop.test/page/x"}).status.ok());

    const std::string url = "http://" + at_port(p.admin_port());
    EXPECT_EQ(run_tiercel({"origins", "--admin", url, "--token", "looks"}).status.code, 0);
    EXPECT_EQ(run_tiercel({"origins", "--admin", url, "--token", "looks", "shop", "open"}).status.code, failed);
    EXPECT_EQ(run_tiercel({"origins", "--admin", url}).status.code, failed);
    EXPECT_EQ(run_tiercel({"origins", "-c", file, "shop", "ajar"}).status.code, bad_usage);
    EXPECT_EQ(run_tiercel({"origins", "-c", file, "nobody", "open"}).status.code, failed);
    p.stop();
    const command_result nobody = run_tiercel({"origins", "-c", file});
    EXPECT_EQ(nobody.status.code, failed);
    EXPECT_EQ(nobody.output, "tiercel: no answer from the admin API at " + url + ": Connection refused\n");
}

}  // namespace
}  // namespace tiercel::test
