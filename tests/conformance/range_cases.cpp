// Ranges and parts (18).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const fresh = "Cache-Control: max-age=3600";
const char* const digits = "0123456789";

void add_from_whole(table& t)
{
    const auto whole = [&](const char* demand, const std::string& name) -> script& {
        return t.test(demand, name).get().answered(fresh, "ETag: \"a\"", "Last-Modified: {-3600}", "X-A: b").content(digits);
    };
    whole("18.1", "first-last").get("Range: bytes=2-4").part(2, 4);
    whole("18.1", "one byte").get("Range: bytes=0-0").part(0, 0);
    whole("18.1", "first-").get("Range: bytes=7-").part(7, 9);
    whole("18.1", "-suffix").get("Range: bytes=-3").part(7, 9);
    whole("18.1", "a suffix longer than the whole").get("Range: bytes=-100").part(0, 9);
    whole("18.1", "an end beyond the whole").get("Range: bytes=5-100").part(5, 9);
    whole("18.1", "an end beyond all numbers").get("Range: bytes=5-99999999999999999999999").part(5, 9);
    whole("18.1", "all of it").get("Range: bytes=0-9").part(0, 9);
    for (const char* range : {"bytes=4-2", "bytes=a-b", "bytes", "bytes=", "bytes=-", "lines=0-4", "bytes=0-4-5", "bytes=+0-4", "bytes 0-4"}) {
        whole("18.1", std::string("ignored: ") + range).get(std::string("Range: ") + range).hit();
    }
    whole("18.1", "HEAD has no parts").head("Range: bytes=2-4").hit();
    whole("18.1", "a condition that gives 304 goes first").get("Range: bytes=2-4", "If-None-Match: \"a\"").not_modified();
    whole("18.1", "a condition that gives 200 lets it through").get("Range: bytes=2-4", "If-None-Match: \"b\"").part(2, 4);

    whole("18.2", "behind the end").get("Range: bytes=10-12").status(416).gets("Content-Range: bytes */10");
    whole("18.2", "a suffix of nothing").get("Range: bytes=-0").status(416).gets("Content-Range: bytes */10");
    whole("18.2", "two ranges").get("Range: bytes=0-1, 5-6").status(206).lacks("Content-Range").of(1);
    whole("18.2", "two that overlap are one").get("Range: bytes=0-5, 4-8").part(0, 8);
    whole("18.2", "all of it twice is all of it once").get("Range: bytes=0-, 0-").part(0, 9);
    whole("18.2", "what adjoins is one, in any order").get("Range: bytes=5-6, 3-4").part(3, 6);
    whole("18.2", "three that overlap").get("Range: bytes=0-8,1-8,2-8").hit();
    whole("18.2", "two, one of them behind the end").get("Range: bytes=2-4, 20-30").part(2, 4);

    whole("18.3", "If-Range with the strong tag").get("Range: bytes=2-4", "If-Range: \"a\"").part(2, 4);
    whole("18.3", "If-Range with another tag").get("Range: bytes=2-4", "If-Range: \"b\"").hit();
    whole("18.3", "If-Range with a weak tag").get("Range: bytes=2-4", "If-Range: W/\"a\"").hit();
    t.test("18.3", "If-Range with the weak tag that is stored")
        .get().answered(fresh, "ETag: W/\"a\"").content(digits).get("Range: bytes=2-4", "If-Range: W/\"a\"").hit();
    t.test("18.3", "If-Range with the time, where that is strong")
        .get().answered(fresh, "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT").content(digits)
        .get("Range: bytes=2-4", "If-Range: Tue, 15 Nov 1994 12:45:26 GMT").part(2, 4);
    t.test("18.3", "If-Range with a later time")
        .get().answered(fresh, "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT").content(digits)
        .get("Range: bytes=2-4", "If-Range: Tue, 15 Nov 1994 12:45:27 GMT").hit();
    t.test("18.3", "If-Range without an entry goes to the origin")
        .get("Range: bytes=2-4", "If-Range: \"a\"").answered(206, "Content-Range: bytes 2-4/10", fresh, "ETag: \"a\"").content("234")
        .sees("If-Range: \"a\"").sees("Range: bytes=2-4");
}

void add_parts(table& t)
{
    t.test("18.4", "on a miss Range goes to the origin")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", fresh).content("234").sees("Range: bytes=2-4");
    t.test("18.4", "and the whole, if that is the answer, is stored")
        .get("Range: bytes=2-4").answered(fresh).content(digits).get().hit();
    t.test("18.4", "with range.fill_whole the whole is fetched, and the range taken from it")
        .on("fill-whole").get("Range: bytes=2-4").answered(fresh).content(digits).part(2, 4).sees_not("Range").get().hit();
    t.test("18.4", "a 206 without a lifetime is not stored")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10").content("234")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10").content("234");

    const auto part = [&](const char* demand, const std::string& name, const char* request, const char* range, const char* content) -> script& {
        return t.test(demand, name).get(std::string("Range: bytes=") + request)
            .answered(206, std::string("Content-Range: bytes ") + range, fresh, "ETag: \"a\"").content(content);
    };
    part("18.5", "more bytes than it says: not stored", "2-4", "2-4/10", "2345").status(206)
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", fresh).content("234");
    t.test("18.5", "no Content-Range: not stored")
        .get("Range: bytes=2-4").answered(206, fresh).content("234")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", fresh).content("234");
    for (const char* range : {"bytes 4-2/10", "bytes x-y/10", "lines 2-4/10", "bytes 2-4/3", "bytes */10", "2-4/10"}) {
        t.test("18.5", std::string("a malformed Content-Range: not stored: ") + range)
            .get("Range: bytes=2-4").answered(206, std::string("Content-Range: ") + range, fresh).content("234")
            .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", fresh).content("234");
    }
    t.test("18.5", "several parts: not stored")
        .get("Range: bytes=0-0,5-5")
        .answered(206, "Content-Type: multipart/byteranges; boundary=x", fresh).content("--x\r\n\r\n0\r\n--x--\r\n")
        .get("Range: bytes=0-0,5-5")
        .answered(206, "Content-Type: multipart/byteranges; boundary=x", fresh).content("--x\r\n\r\n0\r\n--x--\r\n");
    t.test("18.5", "a 206 that nobody asked for: not stored")
        .get().answered(206, "Content-Range: bytes 0-2/10", fresh).content("012").get().answered(fresh).content(digits);

    part("18.6", "inside a part, with its own Content-Range", "2-7", "2-7/10", "234567")
        .get("Range: bytes=3-5").status(206).text("345").gets("Content-Range: bytes 3-5/10");
    part("18.6", "the end of what is known to be the end", "5-9", "5-9/10", "56789")
        .get("Range: bytes=7-").status(206).text("789").gets("Content-Range: bytes 7-9/10");
    part("18.6", "a suffix of what is known to be the end", "5-9", "5-9/10", "56789")
        .get("Range: bytes=-2").status(206).text("89").gets("Content-Range: bytes 8-9/10");
    part("18.6", "never for a request without Range", "2-7", "2-7/10", "234567")
        .get().answered(fresh, "ETag: \"a\"").content(digits).any_conditions();
    part("18.6", "nor for HEAD", "2-7", "2-7/10", "234567").head().answered(fresh, "ETag: \"a\"").content(digits).any_conditions();

    part("18.7", "the same Range gets the 206 as it came", "2-7", "2-7/10", "234567")
        .get("Range: bytes=2-7").status(206).text("234567").gets("Content-Range: bytes 2-7/10");
    t.test("18.7", "but not once it is stale")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", "Cache-Control: max-age=5").content("234").later(10s)
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", "Cache-Control: max-age=5").content("abc").any_conditions();
    t.test("18.7", "no other Range does")
        .get("Range: bytes=2-4").answered(206, "Content-Range: bytes 2-4/10", fresh).content("234")
        .get("Range: bytes=0-4").answered(206, "Content-Range: bytes 0-4/10", fresh).content("01234").any_conditions();

    t.test("18.8", "without a strong tag the request goes out as it came")
        .get("Range: bytes=0-4").answered(206, "Content-Range: bytes 0-4/10", fresh).content("01234")
        .get("Range: bytes=5-9").answered(206, "Content-Range: bytes 5-9/10", fresh).content("56789").sees("Range: bytes=5-9")
        .get().answered(fresh).content(digits);
    t.test("18.8", "another tag is not joined")
        .get("Range: bytes=0-4").answered(206, "Content-Range: bytes 0-4/10", fresh, "ETag: \"a\"").content("01234")
        .get("Range: bytes=5-9").answered(206, "Content-Range: bytes 5-9/10", fresh, "ETag: \"b\"").content("fghij").any_conditions()
        .get().answered(fresh, "ETag: \"b\"").content("abcdefghij").any_conditions();
    t.test("18.8", "the same tag is joined")
        .get("Range: bytes=0-4").answered(206, "Content-Range: bytes 0-4/10", fresh, "ETag: \"a\"").content("01234")
        .get("Range: bytes=7-9").answered(206, "Content-Range: bytes 7-9/10", fresh, "ETag: \"a\"").content("789").any_conditions()
        .get("Range: bytes=1-8").answered(206, "Content-Range: bytes 5-6/10", fresh, "ETag: \"a\"").content("56").any_conditions()
        .sees("Range: bytes=5-6").sees("If-Range: \"a\"").status(206).text("12345678").gets("Content-Range: bytes 1-8/10")
        .get("Range: bytes=0-9").status(206).text("0123456789").gets("Content-Range: bytes 0-9/10")
        .get().answered(fresh, "ETag: \"a\"").content(digits).any_conditions();
    t.test("18.8", "a part is completed only by what fits")
        .get("Range: bytes=0-4").answered(206, "Content-Range: bytes 0-4/10", fresh, "ETag: \"a\"").content("01234")
        .get("Range: bytes=0-9").answered(206, "Content-Range: bytes 5-9/10", fresh, "ETag: \"b\"").content("fghij").any_conditions()
        .answered(206, "Content-Range: bytes 0-9/10", fresh, "ETag: \"b\"").content("abcdefghij");
}

}  // namespace

void add_range_cases(table& t)
{
    add_from_whole(t);
    add_parts(t);
}

}  // namespace tiercel::conformance
