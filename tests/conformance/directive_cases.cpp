// Which field decides (2), and how Cache-Control is read (3).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

void add_targeted(table& t)
{
    t.fresh("2.1", "CDN-Cache-Control: max-age against max-age=0", {"CDN-Cache-Control: max-age=60", "Cache-Control: max-age=0"});
    t.fresh("2.1", "CDN-Cache-Control: max-age against no-store", {"CDN-Cache-Control: max-age=60", "Cache-Control: no-store"});
    t.fresh("2.1", "CDN-Cache-Control: max-age against private", {"CDN-Cache-Control: max-age=60", "Cache-Control: private"});
    t.fresh("2.1", "CDN-Cache-Control: max-age against no-cache", {"CDN-Cache-Control: max-age=60", "Cache-Control: no-cache"});
    t.fresh("2.1", "CDN-Cache-Control: max-age against a past Expires", {"CDN-Cache-Control: max-age=60", "Expires: {-3600}"});
    t.fresh("2.1", "CDN-Cache-Control: max-age against an invalid Expires", {"CDN-Cache-Control: max-age=60", "Expires: 0"});
    t.fresh("2.1", "a long CDN-Cache-Control against a short max-age", {"Cache-Control: max-age=1", "CDN-Cache-Control: max-age=3600"}, 10s);
    t.not_reused("2.1", "a short CDN-Cache-Control against a long max-age", {"Cache-Control: max-age=3600", "CDN-Cache-Control: max-age=1"}, 10s);
    t.not_reused("2.1", "CDN-Cache-Control: max-age=0 against a lifetime", {"CDN-Cache-Control: max-age=0", "Cache-Control: max-age=3600"});
    t.not_reused("2.1", "CDN-Cache-Control: no-store against a lifetime", {"CDN-Cache-Control: no-store", "Cache-Control: max-age=3600"});
    t.not_reused("2.1", "CDN-Cache-Control: no-cache against a lifetime", {"CDN-Cache-Control: no-cache", "Cache-Control: max-age=3600"});
    t.not_reused("2.1", "CDN-Cache-Control: private against a lifetime", {"CDN-Cache-Control: private", "Cache-Control: max-age=3600"});
    t.not_reused("2.1", "a targeted field without lifetime silences Expires", {"CDN-Cache-Control: must-revalidate", "Expires: {+3600}"});
    t.fresh("2.1", "an empty CDN-Cache-Control counts as none", {"CDN-Cache-Control: ", "Cache-Control: max-age=3600"});
    t.not_reused("2.1", "Cache-Control decides where no targeted field is", {"Cache-Control: max-age=1", "Surrogate-Control: max-age=3600"}, 10s);

    t.test("2.1", "no field is targeted: Cache-Control decides")
        .on("untargeted").get().answered("CDN-Cache-Control: max-age=60", "Cache-Control: no-store").get().refetched();
    t.test("2.1", "two are targeted: the first one of the list decides")
        .on("two-targets").get().answered("CDN-Cache-Control: no-store", "Example-Cache-Control: max-age=60", "Cache-Control: no-store")
        .get().hit();
    t.test("2.1", "two are targeted: the second one where the first is absent")
        .on("two-targets").get().answered("CDN-Cache-Control: max-age=60", "Cache-Control: no-store").get().hit();
    t.test("2.1", "two are targeted: the second one where the first does not parse")
        .on("two-targets").get().answered("Example-Cache-Control: &", "CDN-Cache-Control: max-age=60", "Cache-Control: no-store")
        .get().hit();
    t.test("2.1", "two are targeted: the second one where the first is empty")
        .on("two-targets").get().answered("Example-Cache-Control: ", "CDN-Cache-Control: max-age=60", "Cache-Control: no-store")
        .get().hit();
    t.test("2.1", "two are targeted, in any case of letters")
        .on("two-targets").get().answered("eXample-cache-control: max-age=60", "Cache-Control: no-store").get().hit();
    t.fresh("2.2", "CDN-Cache-Control on two lines is one dictionary",
            {"CDN-Cache-Control: max-age=3600", "CDN-Cache-Control: must-revalidate", "Cache-Control: no-store"}, 10s);
    t.fresh("2.2", "of two equal members of a targeted field the last counts",
            {"CDN-Cache-Control: max-age=1, max-age=3600", "Cache-Control: no-store"}, 10s);
    t.not_reused("2.2", "of two equal members of a targeted field the first does not count",
                 {"CDN-Cache-Control: max-age=3600, max-age=1", "Cache-Control: max-age=3600"}, 10s);
    for (const char* malformed : {"max-age=10000, &&&&&", "max-age=60,,", "MAX-AGE=60", "max-age =60", "max-age= 60", "max-age=60,"}) {
        t.not_reused("2.2", std::string("a targeted field that does not parse is left out: ") + malformed,
                     {std::string("CDN-Cache-Control: ") + malformed, "Cache-Control: no-store"});
        t.fresh("2.2", std::string("and the next source applies: ") + malformed,
                {std::string("CDN-Cache-Control: ") + malformed, "Cache-Control: max-age=3600"}, 100s);
    }
    for (const char* mistyped : {"max-age=\"10000\"", "max-age=1.5", "max-age=abc", "max-age", "max-age=60, no-store=?0", "max-age=60, private=1",
                                 "max-age=60, stale-while-revalidate=\"5\"", "max-age=60, must-revalidate=yes"}) {
        t.not_reused("2.3", std::string("a value of another type leaves the whole field out: ") + mistyped,
                     {std::string("CDN-Cache-Control: ") + mistyped, "Cache-Control: no-store"});
        t.fresh("2.3", std::string("and the next source applies: ") + mistyped,
                {std::string("CDN-Cache-Control: ") + mistyped, "Cache-Control: max-age=3600"}, 100s);
    }
    t.fresh("2.3", "unknown members are skipped", {"CDN-Cache-Control: foo, max-age=60, bar=(1 2)", "Cache-Control: no-store"});
    t.fresh("2.3", "parameters are skipped", {"CDN-Cache-Control: max-age=60;no-store;x=1", "Cache-Control: no-store"});
    t.fresh("2.3", "a flag may be written as true", {"CDN-Cache-Control: max-age=60, must-revalidate=?1", "Cache-Control: no-store"});
    t.test("2.3", "private with a String keeps only those fields out")
        .get().answered("CDN-Cache-Control: max-age=60, private=\"x-a\"", "X-A: 1", "X-B: 2")
        .get().hit().lacks("X-A");

    for (const char* value : {"2147483648", "99999999999"}) {
        t.fresh("2.4", std::string("a targeted max-age of ") + value + " is long", {std::string("CDN-Cache-Control: max-age=") + value}, 24h);
    }
    t.not_reused("2.4", "Age counts against a targeted lifetime", {"CDN-Cache-Control: max-age=3600", "Age: 7200", "Cache-Control: max-age=10000"});
    t.fresh("2.4", "a targeted s-maxage wins over its max-age", {"CDN-Cache-Control: max-age=1, s-maxage=3600"}, 10s);
    t.test("2.4", "a targeted field allows storing for Authorization")
        .get("Authorization: Basic eDp5").answered("CDN-Cache-Control: max-age=60, public")
        .get().hit();
    t.test("2.4", "a targeted field that does not allow it silences a public beside it")
        .get("Authorization: Basic eDp5").answered("CDN-Cache-Control: max-age=60", "Cache-Control: public")
        .get().refetched();
    t.test("2.4", "a targeted must-revalidate forbids stale use")
        .get().answered("CDN-Cache-Control: max-age=1, must-revalidate", "Cache-Control: max-age=1, stale-if-error=60")
        .later(3s).get().answered(503);

    t.test("2.5", "the targeted field is forwarded unchanged, also from the store")
        .get().answered("CDN-Cache-Control: max-age=60", "Cache-Control: max-age=0")
        .get().hit().gets("CDN-Cache-Control: max-age=60").gets("Cache-Control: max-age=0");
    t.test("2.5", "targeted fields that are not on the list are forwarded as well")
        .get().answered("Example-Cache-Control: max-age=1", "Surrogate-Control: max-age=1", "Cache-Control: max-age=60")
        .get().hit().gets("Example-Cache-Control: max-age=1").gets("Surrogate-Control: max-age=1");
    t.test("2.5", "a targeted field that does not parse is forwarded as it is")
        .get().answered("CDN-Cache-Control: &&&", "Cache-Control: max-age=60")
        .get().hit().gets("CDN-Cache-Control: &&&");
}

void add_parsing(table& t)
{
    t.fresh("3.1", "directives on two lines are one list", {"Cache-Control: max-age=1", "Cache-Control: s-maxage=3600"}, 10s);
    t.not_reused("3.1", "a no-store on the second line counts", {"Cache-Control: max-age=3600", "Cache-Control: no-store"});
    t.fresh("3.1", "names match in any case: MaX-aGe", {"Cache-Control: MaX-aGe=3600"}, 10s);
    t.not_reused("3.1", "names match in any case: No-StOrE", {"Cache-Control: No-StOrE, max-age=3600"});
    t.fresh("3.1", "unknown directives before are skipped", {"Cache-Control: foobar, a=b, max-age=3600"}, 10s);
    t.fresh("3.1", "unknown directives behind are skipped", {"Cache-Control: max-age=3600, foobar, x=\"y, z\""}, 10s);
    t.fresh("3.1", "empty members are skipped", {"Cache-Control: , ,max-age=3600,,"}, 10s);

    t.not_reused("3.2", "a max-age in a quoted string is none", {"Cache-Control: extension=\"max-age=3600\""});
    t.not_reused("3.2", "a max-age in a quoted string behind a real one is none", {"Cache-Control: max-age=1, extension=\"max-age=3600\""}, 10s);
    t.not_reused("3.2", "a max-age in a quoted string before a real one is none", {"Cache-Control: extension=\"max-age=3600\", max-age=1"}, 10s);
    t.not_reused("3.2", "a comma in a quoted string ends nothing", {"Cache-Control: x=\"y, max-age=60\""});
    t.not_reused("3.2", "an escaped quote ends no string", {"Cache-Control: x=\"a\\\", max-age=60, b\""});
    t.fresh("3.2", "a no-store in a quoted string is none", {"Cache-Control: public=\"no-store\", max-age=60"});
    t.not_reused("3.2", "a quoted string that never ends makes the answer unstorable", {"Cache-Control: max-age=3600, x=\"abc"});

    t.fresh("3.3", "leading zeros are fine", {"Cache-Control: max-age=003600"}, 10s);
    t.fresh("3.3", "a quoted number counts", {"Cache-Control: max-age=\"3600\""}, 10s);

    for (const char* value : {"max-age", "max-age=", "max-age=-3600", "max-age=3600.0", "max-age=1.5", "max-age=a3600", "max-age=3600a",
                              "max-age='3600'", "max-age =3600", "max-age= 3600", "max-age=6O", "max-age=+60", "max-age=\"60", "max-age=\"\""}) {
        t.not_reused("3.4", std::string("stale from the start: ") + value, {std::string("Cache-Control: ") + value});
    }

    for (const char* value : {"2147483647", "2147483648", "2147483649", "99999999999", "99999999999999999999999999999"}) {
        t.fresh("3.5", std::string("max-age=") + value + " is long", {std::string("Cache-Control: max-age=") + value}, 24h);
        t.fresh("3.5", std::string("s-maxage=") + value + " is long", {std::string("Cache-Control: max-age=1, s-maxage=") + value}, 24h);
    }

    t.fresh("3.6", "of two max-age the first counts, when it is long", {"Cache-Control: max-age=3600, max-age=1"}, 10s);
    t.not_reused("3.6", "of two max-age the first counts, when it is short", {"Cache-Control: max-age=1, max-age=3600"}, 10s);
    t.not_reused("3.6", "of two max-age on two lines the first counts", {"Cache-Control: max-age=1", "Cache-Control: max-age=3600"}, 10s);
    t.not_reused("3.6", "no-cache wins over max-age", {"Cache-Control: max-age=3600, no-cache"});
    t.not_reused("3.6", "private wins over public", {"Cache-Control: public, private, max-age=3600"});
    t.not_reused("3.6", "the unqualified private wins over the qualified one", {"Cache-Control: private=\"x-a\", private, max-age=3600"});
    t.not_reused("3.6", "the unqualified no-cache wins over the qualified one", {"Cache-Control: no-cache, no-cache=\"x-a\", max-age=3600"});
    t.not_reused("3.6", "an argument does not disable no-store", {"Cache-Control: no-store=\"x\", max-age=3600"});
    t.test("3.6", "an argument does not disable must-revalidate")
        .get().answered("Cache-Control: max-age=1, must-revalidate=1, stale-if-error=60")
        .later(3s).get().answered(503);
}

}  // namespace

void add_directive_cases(table& t)
{
    add_targeted(t);
    add_parsing(t);
}

}  // namespace tiercel::conformance
