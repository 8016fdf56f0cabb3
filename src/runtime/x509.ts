// The package refuses to load without reflect-metadata; this module is the only importer of either.
import 'reflect-metadata';

export * from '@peculiar/x509';
