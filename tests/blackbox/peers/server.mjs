// An origin on Node's http module: validators, ranges, gzip, early hints, content in pieces. Prints its port.
import fs from 'node:fs';
import http from 'node:http';
import zlib from 'node:zlib';

const modified = 'Mon, 03 Jun 2024 10:00:00 GMT';
const text = Array.from({ length: 2000 }, (_, i) => `line ${i} of a page\n`).join('');
const bytes = Buffer.from(Array.from({ length: 200000 }, (_, i) => (i * 7919) % 251));

function send(request, response, type, content, etag) {
  response.setHeader('Cache-Control', 'max-age=60');
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', modified);
  response.setHeader('Accept-Ranges', 'bytes');
  const known = request.headers['if-none-match'];
  if (known ? known === etag : request.headers['if-modified-since'] === modified) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('Content-Type', type);
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  const unchanged = [undefined, etag, modified].includes(request.headers['if-range']);
  if (range && unchanged && request.method === 'GET') {
    const first = range[1] ? Number(range[1]) : Math.max(0, content.length - Number(range[2]));
    const last = range[1] && range[2] ? Math.min(Number(range[2]), content.length - 1) : content.length - 1;
    if (first >= content.length) {
      response.writeHead(416, { 'Content-Range': `bytes */${content.length}` }).end();
      return;
    }
    response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${content.length}`, 'Content-Length': last - first + 1 });
    response.end(content.subarray(first, last + 1));
    return;
  }
  response.writeHead(200, { 'Content-Length': content.length }).end(content);
}

const pages = {
  '/browser.html': (request, response) => send(request, response, 'text/html', fs.readFileSync(new URL('browser.html', import.meta.url)), '"browser"'),
  '/page.html': (request, response) => {
    response.setHeader('Vary', 'Accept-Encoding');
    if ((request.headers['accept-encoding'] ?? '').includes('gzip')) {
      response.setHeader('Content-Encoding', 'gzip');
      send(request, response, 'text/html', zlib.gzipSync(text), '"page-gzip"');
    } else {
      send(request, response, 'text/html', Buffer.from(text), '"page"');
    }
  },
  '/data.bin': (request, response) => send(request, response, 'application/octet-stream', bytes, '"data"'),
  '/pieces': (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60' });
    for (let i = 0; i < 20; i += 1) response.write(`piece ${i}\n`);
    response.end();
  },
  '/hints': (request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60', 'Set-Cookie2': 'kept' }).end('after the hints\n');
  },
  '/echo': (request, response) => {
    const content = [];
    request.on('data', (piece) => content.push(piece));
    request.on('end', () => response.writeHead(200, { 'Content-Type': 'text/plain' }).end(Buffer.concat(content)));
  },
};

const server = http.createServer((request, response) => {
  const page = pages[request.url];
  if (page) page(request, response);
  else response.writeHead(404, { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=60' }).end('no such page\n');
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port} `));
