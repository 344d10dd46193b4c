/**
 * Entry of a process that serves bytes by a Fastify as it comes, and nothing else: the measure of OCSP without a nonce.
 * First message: the bytes (base64); answer: its port.
 */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';

process.once('disconnect', () => process.exit());
process.once('message', async (text: string) => {
  const bytes = Buffer.from(text, 'base64');
  const app = fastify();
  app.get('/pki/ocsp/*', async (_request, reply) => reply.type('application/ocsp-response').send(bytes));
  await app.listen({ host: '127.0.0.1', port: 0 });
  process.send?.((app.server.address() as AddressInfo).port);
});
