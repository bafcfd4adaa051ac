"""The workers' console

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('login_try',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('last_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_login_try'))
    )
    with op.batch_alter_table('login_try', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_try_last_at'), ['last_at'], unique=False)

    op.create_table('audit_entry',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('actor', sa.BigInteger(), nullable=True),
    sa.Column('role', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('channel', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('about', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_audit_entry_community_id_community')),
    sa.PrimaryKeyConstraint('community_id', 'seq', name=op.f('pk_audit_entry'))
    )
    op.create_table('audit_head',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_audit_head_community_id_community')),
    sa.PrimaryKeyConstraint('community_id', name=op.f('pk_audit_head'))
    )
    op.create_table('alarm',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('resident_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rung_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('taken_by_id', sa.BigInteger(), nullable=True),
    sa.Column('taken_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_alarm_community_id_community')),
    sa.ForeignKeyConstraint(['resident_id'], ['resident.id'], name=op.f('fk_alarm_resident_id_resident')),
    sa.ForeignKeyConstraint(['taken_by_id'], ['resident.id'], name=op.f('fk_alarm_taken_by_id_resident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm'))
    )
    with op.batch_alter_table('alarm', schema=None) as batch_op:
        batch_op.create_index('ix_alarm_community_id_rung_at', ['community_id', 'rung_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_alarm_resident_id'), ['resident_id'], unique=False)

    op.create_table('login',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('resident_id', sa.BigInteger(), nullable=False),
    sa.Column('browser', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('started_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('used_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_login_community_id_community')),
    sa.ForeignKeyConstraint(['resident_id'], ['resident.id'], name=op.f('fk_login_resident_id_resident')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login')),
    sa.UniqueConstraint('digest', name=op.f('uq_login_digest'))
    )
    with op.batch_alter_table('login', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_resident_id'), ['resident_id'], unique=False)

    op.create_table('login_key',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('digest', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('resident_id', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_login_key_community_id_community')),
    sa.ForeignKeyConstraint(['resident_id'], ['resident.id'], name=op.f('fk_login_key_resident_id_resident')),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_login_key'))
    )
    with op.batch_alter_table('login_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_key_resident_id'), ['resident_id'], unique=False)

    op.create_table('password',
    sa.Column('community_id', sa.Integer(), nullable=False),
    sa.Column('resident_id', sa.BigInteger(), nullable=False),
    sa.Column('secret', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('changed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['community_id'], ['community.id'], name=op.f('fk_password_community_id_community')),
    sa.ForeignKeyConstraint(['resident_id'], ['resident.id'], name=op.f('fk_password_resident_id_resident')),
    sa.PrimaryKeyConstraint('resident_id', name=op.f('pk_password'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_community_id_finished_at', ['community_id', 'finished_at'], unique=False)

    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ticket_worker_id'))
        batch_op.create_index('ix_ticket_community_id_status_emergency_due_at', ['community_id', 'status', 'emergency', 'due_at'], unique=False)
        batch_op.create_index('ix_ticket_worker_id_status_due_at', ['worker_id', 'status', 'due_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index('ix_ticket_worker_id_status_due_at')
        batch_op.drop_index('ix_ticket_community_id_status_emergency_due_at')
        batch_op.create_index(batch_op.f('ix_ticket_worker_id'), ['worker_id'], unique=False)

    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_community_id_finished_at')

    op.drop_table('password')
    with op.batch_alter_table('login_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_key_resident_id'))

    op.drop_table('login_key')
    with op.batch_alter_table('login', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_resident_id'))

    op.drop_table('login')
    with op.batch_alter_table('alarm', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_alarm_resident_id'))
        batch_op.drop_index('ix_alarm_community_id_rung_at')

    op.drop_table('alarm')
    op.drop_table('audit_head')
    op.drop_table('audit_entry')
    with op.batch_alter_table('login_try', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_try_last_at'))

    op.drop_table('login_try')
