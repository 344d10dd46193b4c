/** Entry of a thread that reads a whole SQLite file and says whether it is sound. */
import { parentPort, workerData } from 'node:worker_threads';
import { connectSqlite } from './open-sqlite.ts';

const db = connectSqlite(workerData as string, { readonly: true });
parentPort?.postMessage(db.pragma('quick_check', { simple: true }));
db.close();
