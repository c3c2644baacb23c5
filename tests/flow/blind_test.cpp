#include "flow/blind.hpp"

#include <gtest/gtest.h>

namespace tiercel::flow {
namespace {

using namespace std::chrono_literals;

struct trust_case {
    milliseconds unheard;
    bool l2_answers;
    blind_rule rule;
    trust expected;
};

TEST(Blind, AnAnswerIsTrustedForATimeAndThenAsToldByWhetherRedisAnswers)
{
    tier_options o;
    o.ttl_when_blind = 5s;
    o.blind_grace = 30s;
    for (const trust_case& c : {
             trust_case{0ms, true, blind_rule::revalidate, trust::full},
             trust_case{4'999ms, true, blind_rule::revalidate, trust::full},
             trust_case{5s, true, blind_rule::revalidate, trust::after_look},
             trust_case{5s, true, blind_rule::serve, trust::after_look},
             trust_case{1h, true, blind_rule::bypass, trust::after_look},
             trust_case{5s, false, blind_rule::bypass, trust::full},
             trust_case{30s, false, blind_rule::bypass, trust::full},
             trust_case{30'001ms, false, blind_rule::bypass, trust::bypass},
             trust_case{30'001ms, false, blind_rule::serve, trust::serve},
             trust_case{30'001ms, false, blind_rule::revalidate, trust::revalidate},
         }) {
        o.when_blind = c.rule;
        EXPECT_EQ(trust_after(c.unheard, c.l2_answers, o), c.expected) << c.unheard.count() << " " << c.l2_answers;
    }
}

}  // namespace
}  // namespace tiercel::flow
