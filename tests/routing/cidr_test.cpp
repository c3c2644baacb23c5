#include "routing/cidr.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tiercel::routing {
namespace {

using namespace std::string_view_literals;

struct contains_case {
    const char* block;
    const char* address;
    bool inside;
};

TEST(Cidr, ContainsByPrefixAndFamily)
{
    const contains_case cases[] = {
        {"127.0.0.1/32", "127.0.0.1", true},
        {"127.0.0.1/32", "127.0.0.2", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.3", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"192.168.4.0/22", "192.168.3.255", false},
        {"10.0.0.2/31", "10.0.0.3", true},
        {"10.0.0.2/31", "10.0.0.4", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "0.0.0.0", true},
        {"0.0.0.0/0", "::1", false},
        {"128.0.0.0/1", "200.1.1.1", true},
        {"128.0.0.0/1", "100.1.1.1", false},
        {"::1/128", "::1", true},
        {"::1", "::1", true},
        {"::1/128", "::2", false},
        {"::1/128", "0.0.0.1", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/32", "2001:db9::", false},
        {"2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true},
        {"2001:db8::/64", "2001:db8:0:1::", false},
        {"2001:db8::/65", "2001:db8::7fff:0:0:1", true},
        {"2001:db8::/65", "2001:db8::8000:0:0:1", false},
        {"2001:db8::/63", "2001:db8:0:1::", true},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.1", false},               // all of IPv6 is not all of IPv4
        {"::/0", "::ffff:10.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},   // how a dual-stack socket names an IPv4 peer
        {"10.0.0.0/8", "::ffff:11.1.2.3", false},
        {"10.0.0.0/8", "::10.1.2.3", false},       // IPv4-compatible, not mapped
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"::ffff:0:0/96", "1.2.3.4", true},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.block) + " and " + c.address);
        const auto block = cidr::parse(c.block);
        const auto address = parse_ip(c.address);
        ASSERT_TRUE(block);
        ASSERT_TRUE(address);
        EXPECT_EQ(block->contains(*address), c.inside);
    }
}

TEST(Cidr, RefusesWhatIsNotABlock)
{
    for (const auto text :
         {""sv, "/"sv, "/8"sv, "10.0.0.0/"sv, "10.0.0.0/33"sv, "10.0.0.0/-1"sv, "10.0.0.0/+8"sv, "10.0.0.0/08"sv, "10.0.0.0/00"sv,
          "10.0.0.0/8 "sv, " 10.0.0.0/8"sv, "10.0.0.0/8/8"sv, "10.0.0.0/8x"sv, "10.0.0.0/99999999999999999999"sv, "10.0.0/8"sv,
          "10/8"sv, "010.0.0.0/8"sv, "0x0a.0.0.0/8"sv, "256.0.0.0/8"sv, "10.0.0.0.0/8"sv, "10.0.0.1/8"sv, "10.0.0.1/0"sv, "::1/127"sv,
          "2001:db8::1/64"sv, "2001:db9::/31"sv, "::/129"sv, ":::/8"sv, "1::2::3"sv, "fe80::1%eth0/128"sv, "[::1]/128"sv, "g::/16"sv, "localhost"sv,
          "10.0.0.0/8\0"sv, "10.0.0.1\0.2"sv, "12345:db8::/32"sv, "::ffff:0:0/90"sv}) {
        EXPECT_FALSE(cidr::parse(text)) << text;
    }
    EXPECT_FALSE(cidr::parse(std::string(100'000, '1')));
}

TEST(CidrSet, HoldsWhatAnyOfItsBlocksHolds)
{
    cidr_set set;
    EXPECT_TRUE(set.empty());
    EXPECT_FALSE(set.contains(*parse_ip("127.0.0.1")));
    set.add(*cidr::parse("127.0.0.1/32"));
    set.add(*cidr::parse("::1/128"));
    EXPECT_TRUE(set.contains(*parse_ip("127.0.0.1")));
    EXPECT_TRUE(set.contains(*parse_ip("::ffff:127.0.0.1")));
    EXPECT_TRUE(set.contains(*parse_ip("::1")));
    EXPECT_FALSE(set.contains(*parse_ip("127.0.0.2")));
}

}  // namespace
}  // namespace tiercel::routing
