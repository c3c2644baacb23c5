// Interim answers, Expect, Upgrade (19), framing (20), one fetch for many (21), limits (23).

#include "script.hpp"

namespace tiercel::conformance {
namespace {

const char* const fresh = "Cache-Control: max-age=3600";

void add_interim(table& t)
{
    t.test("19.1", "103 is passed on, and not stored").get().answered(fresh).interim("103 Early Hints\r\nLink: </a>; rel=preload")
        .get().hit();
    t.test("19.1", "102 is passed on, and not stored").get().answered(fresh).interim("102 Processing").get().hit();
    t.test("19.1", "one that nobody knows is passed on, and not stored").get().answered(fresh).interim("199 What\r\nX-What: it").get().hit();
    t.test("19.1", "several are").get()
        .answered(fresh).interim("102 Processing").interim("103 Early Hints\r\nLink: </a>\r\nLink: </b>").interim("103 Early Hints\r\nX-A: b").get().hit();
    t.test("19.1", "also before what is not stored").get().answered("Cache-Control: no-store").interim("103 Early Hints\r\nLink: </a>");
    t.test("19.1", "also for POST").request("POST").sending("x").answered().interim("103 Early Hints\r\nLink: </a>");
    t.test("19.1", "also before a validated answer")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get().answered(200, fresh).interim("103 Early Hints\r\nLink: </a>").validating();
    t.test("19.1", "never to HTTP/1.0").get().http10().answered(fresh).interim("103 Early Hints\r\nLink: </a>").get().hit();
    t.test("19.1", "their fields are not those of the answer")
        .get().answered(fresh).interim("103 Early Hints\r\nX-Interim: 1\r\nCache-Control: no-store").lacks("X-Interim")
        .get().hit().lacks("X-Interim");

    t.test("19.2", "an expectation is met, and the content goes through")
        .bytes("POST {path} HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd")
        .answered_raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").status(200).text("ok");
    t.test("19.2", "another expectation is 417")
        .bytes("GET {path} HTTP/1.1\r\nHost: shop.test\r\nExpect: something\r\n\r\n").error(417);
    t.test("19.2", "of HTTP/1.0 it is ignored")
        .bytes("GET {path} HTTP/1.0\r\nHost: shop.test\r\nExpect: something\r\n\r\n")
        .answered_raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").status(200).text("ok");
    t.test("19.2", "on a hit nobody is asked")
        .get().answered(fresh).get("Expect: 100-continue").hit();

    t.test("19.3", "101 to a client that asked for it is passed on")
        .bytes("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        .answered_raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").status(101).gets("Upgrade: x")
        .sees("Upgrade: x");
    t.test("19.3", "an upgrade that the origin does not want is an answer like another")
        .get("Connection: upgrade", "Upgrade: x").answered("Cache-Control: no-store");
    t.test("19.3", "101 to a client that asked for another protocol is 502")
        .bytes("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n")
        .answered_raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").error(502);
    t.test("19.3", "101 that nobody asked for is 502")
        .get().answered_raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").error(502);
}

void add_framing(table& t)
{
    const auto refused = [&](const char* name, const char* fields) {
        t.test("20.1", name)
            .bytes(std::string("POST {path} HTTP/1.1\r\nHost: shop.test\r\n") + fields +
                   "\r\n\r\n0\r\n\r\nGET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n").refused(400);
    };
    refused("chunked beside Content-Length", "Transfer-Encoding: chunked\r\nContent-Length: 5");
    refused("chunked twice", "Transfer-Encoding: chunked, chunked");
    refused("two lines of chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked");
    refused("chunked before another coding", "Transfer-Encoding: chunked, gzip");
    refused("another coding before chunked", "Transfer-Encoding: gzip, chunked");
    refused("another coding", "Transfer-Encoding: identity");
    refused("two lengths that differ", "Content-Length: 5\r\nContent-Length: 6");
    refused("a list of lengths that differ", "Content-Length: 5, 6");
    for (const char* length : {"-1", "+5", "5x", "0x5", "5.0", "", "99999999999999999999999"}) {
        t.test("20.1", std::string("a malformed length: ") + length)
            .bytes(std::string("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: ") + length + "\r\n\r\nhello").refused(400);
    }
    t.test("20.1", "chunked in HTTP/1.0")
        .bytes("POST {path} HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refused(400);

    t.test("20.2", "a coding that nobody has registered: to the end of the connection, and stored")
        .get().answered_raw("HTTP/1.1 200 OK\r\nDate: {+0}\r\nCache-Control: max-age=60\r\nTransfer-Encoding: x-unheard\r\n\r\nall of it", true)
        .status(200).text("all of it").get().status(200).text("all of it").says("hit; detail=l1");
    const auto refused_coding = [&](const std::string& coding, const std::string& content, bool closes) {
        t.test("20.2", "a coding that is not undone here is 502 and not stored: " + coding)
            .get().answered_raw("HTTP/1.1 200 OK\r\nDate: {+0}\r\nCache-Control: max-age=60\r\nTransfer-Encoding: " + coding + "\r\n\r\n" + content, closes)
            .error(502).later(2s).get().answered(fresh);
    };
    for (const char* coding : {"gzip, chunked", "x-unheard, chunked", "chunked, chunked"}) { refused_coding(coding, "5\r\ncoded\r\n0\r\n\r\n", false); }
    for (const char* coding : {"gzip", "deflate", "xchunked", "chunked, gzip", "\"chunked\"", ""}) { refused_coding(coding, "coded", true); }
    t.test("20.2", "no framing at all: to the end of the connection, and stored").get().answered(fresh).until_close().get().hit();

    t.test("20.3", "chunked beside a length is read as chunked")
        .get().answered_raw("HTTP/1.1 200 OK\r\nDate: {+0}\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
                            "5\r\nhello\r\n0\r\n\r\n")
        .status(200).text("hello").get().status(200).text("hello").says("hit; detail=l1").gets("Content-Length: 5");
    t.test("20.3", "lengths that differ are 502")
        .get().answered_raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", true)
        .error(502).later(2s).get().answered(fresh);
    t.test("20.3", "a malformed length is 502")
        .get().answered_raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3x\r\n\r\nabcd", true).error(502).later(2s)
        .get().answered(fresh);
    t.test("20.3", "equal lengths are one")
        .get().answered_raw("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd")
        .status(200).text("abcd");

    t.test("20.4", "what follows an answer is not the next one")
        .get().at("/a")
        .answered_raw("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 4\r\n\r\nabcd"
                      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        .status(200).text("abcd")
        .get().at("/b").answered(fresh);
    t.test("20.4", "content behind a 204 is not the next answer")
        .get().at("/a").answered_raw("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").status(204)
        .get().at("/b").answered(fresh);
    t.test("20.4", "content behind a 304 is not the next answer")
        .get().at("/a").answered("Cache-Control: no-cache", "ETag: \"a\"")
        .get().at("/a").answered_raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        .any_conditions().status(200)
        .get().at("/b").answered(fresh);
    t.test("20.4", "content behind an answer to HEAD is not the next answer")
        .head().at("/a").answered_raw("HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        .status(200).get().at("/b").answered(fresh);

    for (const auto& [name, field] : {std::pair{"a blank before the colon", "X-A : b"}, {"a folded line", "X-A: b\r\n c"}, {"a bare CR", "X-A: b\rc"},
                                      {"no colon", "X-A"}, {"no name", ": b"}}) {
        t.test("20.5", std::string("of a client, 400: ") + name)
            .bytes(std::string("GET {path} HTTP/1.1\r\nHost: shop.test\r\n") + field + "\r\n\r\n").refused(400);
        t.test("20.5", std::string("of an origin, 502: ") + name)
            .get().answered_raw(std::string("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n") + field + "\r\nContent-Length: 2\r\n\r\nok", true).error(502)
            .later(2s).get().answered(fresh);
    }
    t.test("20.5", "of a client, 400: a NUL")
        .bytes(std::string("GET {path} HTTP/1.1\r\nHost: shop.test\r\nX-A: b") + '\0' + "c\r\n\r\n").refused(400);
    t.test("20.5", "of an origin, 502: a NUL")
        .get().answered_raw(std::string("HTTP/1.1 200 OK\r\nX-A: b") + '\0' + "c\r\nContent-Length: 2\r\n\r\nok", true).error(502);

    t.test("20.6", "trailers are not merged").get().answered(fresh, "Trailer: X-T").trailer("X-T: 1").lacks("X-T").get().hit().lacks("X-T");
    t.test("20.6", "a trailer decides nothing: no-store").get().answered(fresh).trailer("Cache-Control: no-store").get().hit();
    t.test("20.6", "a trailer decides nothing: a lifetime").get().answered().trailer("Cache-Control: max-age=60").get().answered();
    t.test("20.6", "a trailer decides nothing: Set-Cookie").get().answered(fresh).trailer("Set-Cookie: a=b").lacks("Set-Cookie")
        .get().hit().lacks("Set-Cookie");

    t.test("20.7", "shorter than its length").get().answered(fresh).cut().broken().get().answered(fresh).get().hit();
    t.test("20.7", "cut within chunks").get().answered(fresh).chunked().cut().broken().get().answered(fresh).get().hit();
    t.test("20.7", "also what is not stored").get().answered("Cache-Control: no-store").chunked().cut().broken();

    t.test("20.8", "HTTP/1.0 gets no chunks, and its connection ends")
        .get().http10().answered(fresh).chunked().closes().lacks("Transfer-Encoding").get().http10().hit().closes();
    t.test("20.8", "HTTP/1.0 may agree to keep its connection")
        .get().answered(fresh).get("Connection: keep-alive").http10().hit().gets("Connection: keep-alive");
    t.test("20.8", "HTTP/1.0 gets no chunks of what is not stored")
        .get().http10().answered("Cache-Control: no-store").chunked().closes().lacks("Transfer-Encoding");
    t.test("20.8", "requests are forwarded as HTTP/1.1").get().http10().answered(fresh).sees("Via: 1.0 tiercel");
    t.test("20.8", "an HTTP/1.0 answer with Transfer-Encoding is 502")
        .get().answered_raw("HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true)
        .error(502);
    t.test("20.8", "an HTTP/1.0 answer is stored like another")
        .get().answered_raw("HTTP/1.0 200 OK\r\nDate: {+0}\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok", true)
        .status(200).text("ok")
        .get().status(200).text("ok").says("hit; detail=l1");
}

void add_sharing(table& t)
{
    t.test("21.1", "five at once cause one fetch").get().at_once(5).answered(fresh);
    t.test("21.1", "five at once, also of a 404").get().at_once(5).answered(404);
    t.test("21.1", "what may not be shared is fetched by each, all at once")
        .get().at_once(3).answered("Cache-Control: no-store").answered("Cache-Control: no-store").answered("Cache-Control: no-store");
    t.test("21.1", "private, too")
        .get().at_once(3).answered("Cache-Control: private").answered("Cache-Control: private").answered("Cache-Control: private");
    {
        script& s = t.test("21.1", "with Authorization nobody waits for another one").get("Authorization: Basic eDp5").at_once(3);
        s.answered("Cache-Control: public, max-age=60").answered("Cache-Control: public, max-age=60")
            .answered("Cache-Control: public, max-age=60");
    }
    t.test("21.2", "one validation in the background for many that are served stale")
        .get().answered("Cache-Control: max-age=5, stale-while-revalidate=60", "ETag: \"a\"").later(10s)
        .get().at_once(5).answered(304, "ETag: \"a\"", fresh).in_background().validating().stale().of(1);
    t.test("21.2", "five at once cause one validation")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s).get().at_once(5).confirmed("ETag: \"a\"");
    t.test("21.2", "and each gets an answer by its own condition")
        .get().answered("Cache-Control: max-age=5", "ETag: \"a\"").later(10s)
        .get("If-None-Match: \"a\"").at_once(3).confirmed("ETag: \"a\"").not_modified();

    {
        script& s = t.test("23.1", "64 variants of one resource, and no more");
        for (int i = 0; i < 64; ++i) { s.get("Foo: " + std::to_string(i)).answered(fresh, "Vary: Foo"); }
        s.get("Foo: 64").answered(fresh, "Vary: Foo").says("fwd=vary-miss; detail=variants").get("Foo: 64").answered(fresh, "Vary: Foo")
            .get("Foo: 0").hit().of(1).get("Foo: 63").hit().of(64);
    }
    t.test("23.1", "many ranges of one answer are answered by the whole")
        .get().answered(fresh).content(std::string(1000, 'x')).get([] {
            std::string many = "Range: bytes=0-0";
            for (int i = 1; i < 300; ++i) { many += "," + std::to_string(3 * i) + "-" + std::to_string(3 * i); }
            return many;
        }()).hit();
    t.test("23.1", "a head that is too large is 431").get("X-A: " + std::string(40000, 'a')).error(431);
    t.test("23.1", "a target that is too long is 414")
        .bytes("GET {path}/" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: shop.test\r\n\r\n").error(414);
    t.test("23.1", "content that is too large is 413")
        .bytes("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 99999999999\r\n\r\n").error(413);
    t.test("23.1", "an origin's head that is too large is 502").get().answered(fresh, "X-A: " + std::string(70000, 'a')).error(502);
}

}  // namespace

void add_wire_cases(table& t)
{
    add_interim(t);
    add_framing(t);
    add_sharing(t);
}

}  // namespace tiercel::conformance
