#include "config/environment.hpp"

#include "config/load_support.hpp"

#include <gtest/gtest.h>

namespace tiercel::config {
namespace {

const environment env = environment_of({{"HOST", "db.example"}, {"EMPTY", ""}, {"NESTED", "${HOST}"}, {"YAML", "a: [b"}});

TEST(Expansion, ReplacesVariablesAndDefaults)
{
    struct {
        const char* text;
        const char* want;
        std::vector<std::string> variables;
    } const cases[] = {
        {"", "", {}},
        {"plain", "plain", {}},
        {"${HOST}", "db.example", {"HOST"}},
        {"http://${HOST}:80/${HOST}", "http://db.example:80/db.example", {"HOST", "HOST"}},
        {"${MISSING:-fall back}", "fall back", {}},
        {"${MISSING:-}", "", {}},
        {"${HOST:-fall back}", "db.example", {"HOST"}},
        {"${EMPTY}", "", {"EMPTY"}},
        {"${EMPTY:-fall back}", "fall back", {}},
        {"${NESTED}", "${HOST}", {"NESTED"}},
        {"$HOST $ $$ 5$", "$HOST $ $$ 5$", {}},
        {"$${HOST}", "${HOST}", {}},
        {"${MISSING:-redis://h:6379/0}", "redis://h:6379/0", {}},
    };
    for (const auto& c : cases) {
        const auto e = expand(c.text, env);
        EXPECT_FALSE(e.problem) << c.text;
        EXPECT_EQ(e.text, c.want) << c.text;
        EXPECT_EQ(e.variables, c.variables) << c.text;
    }
}

TEST(Expansion, RefusesWhatIsMissingOrMalformed)
{
    EXPECT_EQ(expand("x${MISSING}", env).problem,
              "needs the environment variable MISSING, which is not set (a default goes as ${MISSING:-default})");
    for (const auto* text : {"${", "${HOST", "${}", "${:-x}", "${1A}", "${A B}", "${A-B}", "a ${HOST} ${"}) {
        EXPECT_TRUE(expand(text, env).problem) << text;
    }
}

TEST(Expansion, ReachesEveryKindOfValueAndIsRememberedByName)
{
    const auto l = load_yaml(with_minimal("server: { threads: ${THREADS:-2}, trusted_proxies: [${NET}, 10.0.0.0/8 ] }\n"
                                          "cache: { l1: { max_bytes: ${SIZE}MiB } }\n"),
                             environment_of({{"NET", "192.168.0.0/16"}, {"SIZE", "3"}}));
    ASSERT_TRUE(l.ok()) << lines(l).front();
    EXPECT_EQ(l.value.server.threads, 2u);
    EXPECT_EQ(l.value.server.trusted_proxies, (std::vector<std::string>{"192.168.0.0/16", "10.0.0.0/8"}));
    EXPECT_EQ(l.value.cache.l1.max_bytes, 3_MiB);
    EXPECT_EQ(l.source_of("server.threads"), "t.yaml:3");
    EXPECT_EQ(l.source_of("server.trusted_proxies"), "env NET (t.yaml:3)");
    EXPECT_EQ(l.source_of("cache.l1.max_bytes"), "env SIZE (t.yaml:4)");
    EXPECT_EQ(l.source_of("cache.l1.policy"), "default");
}

TEST(Expansion, StrangeDefaultsWorkWhenQuoted)
{
    const auto l = load_yaml(with_minimal("log: { file: \"${X:-a, b]}\", access: { file: '${X:-#}' } }\nserver: { trusted_proxies: [ ${X:-} ] }\n"), env);
    EXPECT_EQ(l.value.log.file, "a, b]");
    EXPECT_EQ(l.value.log.access.file, "#");
    ASSERT_EQ(l.problems.size(), 1u);
    EXPECT_EQ(l.problems[0].key, "server.trusted_proxies[0]");
}

TEST(Expansion, IsNeverReadAsYaml)
{
    const auto l = load_yaml(with_minimal("log: { file: \"${YAML}\" }"), env);
    ASSERT_TRUE(l.ok());
    EXPECT_EQ(l.value.log.file, "a: [b");
}

TEST(Expansion, ValuesOfTheEnvironmentAreNotRepeatedInMessages)
{
    const auto l = load_yaml(with_minimal("server: { threads: \"${PASSWORD}\", listen: [ \"${PASSWORD}\" ] }\n"
                                          "origins2: 1\n"),
                             environment_of({{"PASSWORD", "hunter2"}}));
    ASSERT_EQ(l.problems.size(), 3u);
    for (const auto& line : lines(l)) {
        EXPECT_EQ(line.find("hunter2"), line.npos) << line;
    }
    EXPECT_EQ(lines(l)[0], "t.yaml:3:20: server.threads: the value of PASSWORD must be a whole number");
}

}  // namespace
}  // namespace tiercel::config
