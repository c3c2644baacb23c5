// Asks with Node's http module for what stands on standard input, all on one connection; the same language as client.py.
import http from 'node:http';

const [host, port] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, target, fields, size) {
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(fields.split('|').filter(Boolean).map((f) => f.split(': ')));
    const request = http.request({ host, port, agent, method, path: target, headers, timeout: 20000 });
    let interim = 0;
    request.on('information', () => { interim += 1; });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.on('response', (answer) => {
      const content = [];
      answer.on('data', (piece) => content.push(piece));
      answer.on('error', reject);
      answer.on('end', () => resolve({ answer, interim, content: Buffer.concat(content) }));
    });
    const content = Buffer.alloc(size, 'x');
    if (headers.Expect) {
      request.flushHeaders();
      request.on('continue', () => request.end(content));
    } else {
      request.end(size > 0 ? content : undefined);
    }
  });
}

const input = [];
for await (const piece of process.stdin) input.push(piece);
for (const line of Buffer.concat(input).toString().split('\n').filter(Boolean)) {
  const [method, target, fields, size] = line.split('\t');
  const { answer, interim, content } = await ask(method, target, fields, Number(size));
  const raw = answer.rawHeaders;
  let head = `${answer.statusCode} ${interim} ${raw.length / 2} ${content.length}\n`;
  for (let i = 0; i < raw.length; i += 2) head += `${raw[i]}: ${raw[i + 1]}\n`;
  process.stdout.write(Buffer.from(head, 'latin1'));
  process.stdout.write(content);
}
agent.destroy();
